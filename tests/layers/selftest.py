"""Proof that the layer test can fail: small checkouts, each with one thing wrong."""

import pathlib
import tempfile
import unittest

import rules
import source
import table

ARCHITECTURE = """
## Crates
| floor | crate | for |
|---|---|---|
| 2 | `upper` `other` | above |
| 1 | `lower` | below |

### `lower`
| floor | files | for |
|---|---|---|
| 1 | `ground` | |
| 2 | `middle`, `middle/{left,right}` | |
| 3 | `top` | |

### `upper`
| floor | files | for |
|---|---|---|
| 1 | `main` | |

### `other`
"""

SOUND = {
    "ARCHITECTURE.md": ARCHITECTURE,
    "crates/lower/Cargo.toml": "",
    "crates/lower/src/lib.rs": "pub mod ground; pub mod middle; pub mod top;",
    "crates/lower/src/ground.rs": "pub struct Ground;",
    "crates/lower/src/middle.rs": "mod left; mod right; pub use left::Left; use crate::ground::Ground;",
    "crates/lower/src/middle/left.rs": "use crate::ground;",
    "crates/lower/src/middle/right.rs": "fn right() { crate::ground::Ground; }",
    "crates/lower/src/top.rs": "use crate::{ground::Ground, middle::{self, Left}};",
    "crates/upper/Cargo.toml": "[dependencies]\nlower.workspace = true\n",
    "crates/upper/src/main.rs": "use lower::top;",
    "crates/other/Cargo.toml": "[target.'cfg(unix)'.dependencies]\nlower = { path = '../lower' }\n",
    "crates/other/src/lib.rs": "",
}


def full_path(name):
    return name if "." in name else f"crates/lower/src/{name}.rs"


class Breaches(unittest.TestCase):
    def found(self, changes):
        """The breaches in a sound checkout with some files changed: `top` is short for top.rs of the crate `lower`."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**SOUND, **{full_path(name): text for name, text in changes.items()}}.items():
                if text is not None:
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(text)
            return list(rules.breaches(root))

    def assert_breach(self, sentence, changes):
        self.assertIn(sentence, self.found(changes))

    def test_a_sound_checkout_has_none(self):
        self.assertEqual([], self.found({}))

    def test_upward(self):
        for text in (
            "use crate::top::Top;",
            "use crate::{ground::Ground, top};",
            "pub(crate) use crate::{ground::{self, Ground as G}, top::{Top, inner::{A, B}}};",
            "fn f() -> Option<crate::top::Top> { None }",
            "fn f() { let x = super::top::new(); }",
            "use crate::ground as g; mod inner { use super::super::top; }",
            '#[cfg(any(test, feature = "x"))] use crate::top;',
            "use crate::{self as root}; fn f() { root::top::new(); }",
            "const QUOTE: char = '\"'; use crate::top; const END: char = '\"';",
            "fn f<'a>(x: &'a str) -> &'a str { crate::top::g(x) }",
        ):
            with self.subTest(text):
                self.assert_breach("lower: middle imports top, which is not on a floor below it", {"middle": text})

    def test_same_floor(self):
        self.assert_breach(
            "lower: middle/left imports middle/right, which is not on a floor below it",
            {"middle/left": "use super::right::Right;"},
        )

    def test_through_the_name_of_a_module(self):
        self.assert_breach(
            "lower: ground imports middle/left, which is not on a floor below it",
            {"ground": "use crate::middle; fn f() { middle::left::new(); }"},
        )

    def test_circular(self):
        self.assert_breach(
            "lower: circular import ground -> top -> ground",
            {"ground": "use crate::top::Top;", "top": "use crate::ground::Ground;"},
        )

    def test_circular_through_a_folder_whatever_the_floors(self):
        raised = ARCHITECTURE.replace(", `middle/{left,right}`", " | |\n| 3 | `middle/{left,right}`")
        changes = {"ARCHITECTURE.md": raised, "middle/left": "use super::Middle;"}
        self.assertNotIn("floor", "".join(self.found(changes)))
        self.assert_breach("lower: circular import middle -> middle/left -> middle", changes)
        self.assert_breach("lower: middle/left imports middle, which imports the folder middle/", changes)

    def test_sibling_crates(self):
        for kind in ("dependencies", "dev-dependencies", "target.'cfg(unix)'.build-dependencies"):
            with self.subTest(kind):
                self.assert_breach(
                    "crate upper depends on other, which is not below it",
                    {"crates/upper/Cargo.toml": f"[{kind}]\nother.workspace = true\n"},
                )

    def test_sibling_crate_under_another_name(self):
        self.assert_breach(
            "crate upper depends on other, which is not below it",
            {"crates/upper/Cargo.toml": "[dependencies]\nx = { package = 'other' }\n"},
        )

    def test_upward_crate(self):
        self.assert_breach(
            "crate lower depends on upper, which is not below it",
            {"crates/lower/Cargo.toml": "[dependencies]\nupper = '1'\n"},
        )

    def test_unlisted_file(self):
        self.assert_breach("file helpers has no floor in the table of lower", {"helpers": ""})

    def test_listed_file_that_is_gone(self):
        self.assert_breach("file top of the table of lower does not exist", {"top": None})

    def test_unlisted_crate(self):
        self.assert_breach("crate stray has no floor in ARCHITECTURE.md", {"crates/stray/Cargo.toml": ""})

    def test_listed_crate_that_is_gone(self):
        self.assert_breach("crate upper of ARCHITECTURE.md does not exist", {"crates/upper/Cargo.toml": None})

    def test_type_in_lib(self):
        self.assert_breach(
            "lower: middle imports lib, which is not on a floor below it",
            {"middle": "use crate::Type;"},
        )

    def test_too_long(self):
        self.assert_breach(
            "lower: ground has 601 lines without tests, more than 600",
            {"ground": "fn f() {}\n" * 601},
        )

    def test_two_floors(self):
        with self.assertRaisesRegex(table.TableError, "`ground` two floors"):
            self.found({"ARCHITECTURE.md": ARCHITECTURE.replace("`top`", "`top` `ground`")})

    def test_no_table(self):
        with self.assertRaises(table.TableError):
            self.found({"ARCHITECTURE.md": "# Architecture\n"})

    def test_tests_comments_and_strings_do_not_count(self):
        for text in (
            "#[cfg(test)] mod tests { use crate::top; fn f() { { crate::top::x() } } }",
            "#[cfg(test)]\nmod tests;",
            "#[cfg(all(test, unix))] #[allow(x)] use crate::{top, top::Top};",
            "// crate::top::new()\n/* /* crate::top::x */ crate::top::y */ fn f() {}",
            "/// let x = crate::top::new();\nfn f() {}",
            'const A: &str = "crate::top::x"; const B: &[u8] = br#"crate::top::"y"#;',
            "fn f() { let x = ::top::new(); other::crate_name::top(); }",
        ):
            with self.subTest(text):
                self.assertEqual([], self.found({"ground": text}))

    def test_files_of_tests_need_no_floor(self):
        files = {"middle/tests": "mod more; use crate::top;", "middle/tests/more": "use crate::top;"}
        middle = SOUND["crates/lower/src/middle.rs"] + "\n#[cfg(test)]\n#[allow(x)]\nmod tests;\n"
        self.assertEqual([], self.found({"middle": middle, **files}))
        self.assertIn("file middle/tests has no floor in the table of lower", self.found(files))

    def test_lines_of_tests_do_not_count(self):
        text = "#[cfg(test)]\nmod tests {\n" + "fn f() {}\n" * 700 + "}\n"
        self.assertEqual([], self.found({"ground": text}))


class UseTrees(unittest.TestCase):
    def test_leaves(self):
        self.assertEqual(
            [(("a",), "a"), (("a", "b", "c"), "d"), (("a", "b", "*"), "*"), (("e",), "e")],
            [leaf for tree in ("a::{self, b::{c as d, *}}", "e") for leaf in source.leaves(tree)],
        )


if __name__ == "__main__":
    unittest.main()
