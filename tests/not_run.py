"""Says at the end of a test run which tests were skipped, and why. An `s` among dots is easily overlooked."""

from collections import defaultdict


def pytest_terminal_summary(terminalreporter):
    modules = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", ()):
        modules[report.longrepr[2].removeprefix("Skipped: ")].append(report.nodeid.partition("::")[0])
    if modules:
        terminalreporter.section("tests that were NOT run", red=True, bold=True)
    for reason, skipped in sorted(modules.items()):
        terminalreporter.line(f"{len(skipped)} of {', '.join(sorted(set(skipped)))}: {reason}", red=True)
