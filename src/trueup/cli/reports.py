"""What checks found, printed for people."""

from collections.abc import Sequence
from decimal import Decimal

from rich.markup import escape
from rich.table import Table

from trueup.cli.session import out
from trueup.reconcile.report import UNEXPLAINED, Report


def show_report(report: Report) -> None:
    """Print what a check found."""
    out.print(f"{report.check}: {report.left} left, {report.right} right, {report.matched} match")
    for currency in sorted({*report.left_totals, *report.right_totals}):
        left, right = (
            totals.get(currency, Decimal(0)) for totals in (report.left_totals, report.right_totals)
        )
        out.print(f"{left:,f} {currency or 'units'} left, {right:,f} right, {right - left:+,f}")
    for reason in report.left_out:
        out.print(f"[yellow]Left out:[/] {escape(reason)}.")
    for within in report.tolerated:
        differ = "difference" if within.count == 1 else "differences"
        sums = f"{within.absolute:,f} {within.currency} in all, {within.amount:+,f} together"
        out.print(f"[yellow]Within the tolerance:[/] {within.count} {differ}, {sums}.")
    if report.parts:
        _show_parts(report)
    if report.periods:
        _show_periods(report)
    if not report.discrepancies:
        agrees = "Everything else agrees." if report.tolerated else "Everything agrees."
        out.print(f"[green]{agrees}[/]")
        return
    table = Table("cause", "by", "left", "right", "evidence")
    for each in report.discrepancies:
        cells = (each.left_ref or "", each.right_ref or "", "\n".join(each.evidence))
        by = f"{each.amount:+,f} {each.currency}" if each.currency else f"{each.amount:+d}"
        table.add_row(each.cause, by, *(escape(cell) for cell in cells))
    out.print(table)
    what = (
        "of the differences have a cause" if report.share is None else "of the value is explained"
    )
    out.print(f"{report.explained_share:.2%} {what}.")


def show_reports(reports: Sequence[Report]) -> None:
    """Print a line for each check, those with the most that nobody explains first."""
    table = Table("check", "left", "right", "match", "differ", "unexplained")
    for report in sorted(reports, key=_unexplained, reverse=True):
        counts = (report.left, report.right, report.matched, len(report.discrepancies))
        table.add_row(report.check, *map(str, counts), str(_unexplained(report)))
    out.print(table)
    out.print("Each difference with its cause: trueup reconcile <check>.")


def _unexplained(report: Report) -> int:
    return sum(each.cause == UNEXPLAINED for each in report.discrepancies)


def _show_parts(report: Report) -> None:
    table = Table("part", "", "rows", "left", "right")
    for each in report.parts:
        sums = (f"{each.left_total:,f}", f"{each.right_total:,f}")
        table.add_row(escape(each.name), each.currency, str(each.rows), *sums)
    out.print(table)


def _show_periods(report: Report) -> None:
    table = Table("from", "", "left", "right", "left", "right", "by", "differ")
    for each in report.periods:
        sums = (each.left_total, each.right_total)
        cells = (f"{total:,f}" for total in sums)
        table.add_row(
            each.at.isoformat(timespec="minutes"),
            each.currency,
            str(each.left),
            str(each.right),
            *cells,
            f"{sums[1] - sums[0]:+,f}",
            str(each.differing),
        )
    out.print(table)
