"""The table, as Markdown that reads well unrendered too."""

HEADINGS = ("measure", "against", "ours", "theirs", "ratio (median, [min–max])", "must", "aim", "verdict")


def table(rows):
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * width for width in widths]
    return "\n".join(join(line, widths) for line in [HEADINGS, rule, *lines[1:]]) + "\n"


def join(line, widths):
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"


def cells(row):
    bounds = [str(bound) if bound else "–" for bound in (row.must, row.aim)]
    return (row.measure, row.against, figure(row.ours, row.unit), figure(row.theirs, row.unit), spread(row), *bounds,
            row.verdict)


def figure(value, unit):
    digits = 1 if value < 100 else 0
    return f"{value:,.{digits}f} {unit}".strip()


def spread(row):
    if len(row.ratios) == 1:
        return f"{ratio(row.ratio)} (once)"
    return f"{ratio(row.ratio)} [{ratio(min(row.ratios))}–{ratio(max(row.ratios))}]"


def ratio(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
