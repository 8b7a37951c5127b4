"""The rules of ARCHITECTURE.md, "The rules of the house", as functions that yield one sentence for each breach."""

import tomllib

import source
import table

MOST_LINES = 600


def breaches(root):
    """Every breach below `root`, the root of a checkout."""
    crate_floors, file_floors = table.read((root / "ARCHITECTURE.md").read_text())
    present = sorted(path.parent.name for path in root.glob("crates/*/Cargo.toml"))
    yield from differences("ARCHITECTURE.md", "crate", crate_floors, present)
    yield from crate_directions(root, crate_floors, present)
    for crate in present:
        yield from Crate(root / "crates" / crate, file_floors.get(crate, {})).breaches()


def differences(table_name, kind, listed, present):
    for name in sorted(set(present) - set(listed)):
        yield f"{kind} {name} has no floor in {table_name}"
    for name in sorted(set(listed) - set(present)):
        yield f"{kind} {name} of {table_name} does not exist"


def crate_directions(root, floors, present):
    for crate in present:
        for dependency in dependencies(root / "crates" / crate / "Cargo.toml") & set(floors):
            if floors[dependency] >= floors.get(crate, 0):
                yield f"crate {crate} depends on {dependency}, which is not below it"


def dependencies(manifest):
    """The names in every dependency table of a Cargo.toml: those of tests and of single targets too."""
    content = tomllib.loads(manifest.read_text())
    tables = [content, *content.get("target", {}).values()]
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    return {
        entry.get("package", name) if isinstance(entry, dict) else name
        for each in tables
        for kind in kinds
        for name, entry in each.get(kind, {}).items()
    }


class Crate:
    """The files of one crate, each named by its path below `src` without `.rs`, and who imports whom."""

    def __init__(self, folder, floors):
        self.name, self.floors = folder.name, floors
        files = {name_of(path, folder / "src"): source.read(path.read_text()) for path in folder.glob("src/**/*.rs")}
        tests = {"/".join((*module_of(name), test)) for name, file in files.items() for test in file.test_files}
        self.sources = {name: file for name, file in files.items() if not is_below(name, tests)}
        self.imports = {name: set(self.imports_of(name)) for name in sorted(self.sources)}

    def imports_of(self, name):
        for inside, segments in self.sources[name].paths:
            target = self.file_of(self.absolute(name, inside, segments))
            if target and target != name:
                yield target

    def absolute(self, name, inside, segments, seen=()):
        """The path from the root of the crate, or None for what is not in this crate."""
        module = (*module_of(name), *inside)
        first, rest = segments[0], segments[1:]
        if first in ("crate", self.name.replace("-", "_")):
            return rest
        if first == "self":
            return (*module, *rest)
        if first == "super":
            up = sum(1 for segment in segments if segment == "super")
            return (*module[: len(module) - up], *segments[up:])
        if "/".join((*module, first)) in self.sources:
            return (*module, *segments)
        return self.through_alias(name, segments, seen)

    def through_alias(self, name, segments, seen):
        """`scram::Verifier` after `use crate::verifier::scram;`."""
        alias = self.sources[name].aliases.get(segments[0])
        if alias is None or segments[0] in seen:
            return None
        path = self.absolute(name, *alias, (*seen, segments[0]))
        return None if path is None else (*path, *segments[1:])

    def file_of(self, path):
        """The file that holds `path`: the longest part of it that is a file. What is left over is in `lib`."""
        if path is None:
            return None
        for length in range(len(path), 0, -1):
            if (name := "/".join(path[:length])) in self.sources:
                return name
        return "lib" if path and "lib" in self.sources else None

    def breaches(self):
        listed = [name for name in self.sources if name != "lib"]
        for sentence in differences(f"the table of {self.name}", "file", self.floors, listed):
            yield sentence
        for rule in (self.upward, self.circular, self.into_folders, self.too_long):
            for sentence in rule():
                yield f"{self.name}: {sentence}"

    def upward(self):
        for name, targets in self.imports.items():
            for target in sorted(targets):
                if name != "lib" and not self.may_import(name, target):
                    yield f"{name} imports {target}, which is not on a floor below it"

    def may_import(self, name, target):
        if target == "lib":
            return False
        return target.rpartition("/")[0] == name or self.floors.get(target, 0) < self.floors.get(name, 0)

    def circular(self):
        finished = set()
        for name in self.imports:
            if cycle := self.cycle_from(name, [], finished):
                yield "circular import " + " -> ".join(cycle)

    def cycle_from(self, name, path, finished):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return None
        finished.add(name)
        found = (self.cycle_from(target, [*path, name], finished) for target in sorted(self.imports[name]))
        return next((cycle for cycle in found if cycle), None)

    def into_folders(self):
        for folder in sorted({name.rpartition("/")[0] for name in self.sources if "/" in name} - {"bin"}):
            inside = {name for name in self.sources if name.startswith(folder + "/")}
            for name in sorted(inside):
                for target in sorted(self.imports[name] - inside):
                    if self.imports[target] & inside:
                        yield f"{name} imports {target}, which imports the folder {folder}/"

    def too_long(self):
        for name, file in sorted(self.sources.items()):
            if file.lines > MOST_LINES:
                yield f"{name} has {file.lines} lines without tests, more than {MOST_LINES}"


def name_of(path, src):
    return path.relative_to(src).with_suffix("").as_posix()


def is_below(name, modules):
    return any(name == module or name.startswith(module + "/") for module in modules)


def module_of(name):
    return () if name in ("lib", "main") else tuple(name.split("/"))
