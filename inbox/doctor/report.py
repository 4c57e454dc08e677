"""The findings of the doctor: one for each check, with advice where something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FindingLevel = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """The result of one check of a part: the settings, a Redis server, or the service at an address."""

    part: str
    check: str
    level: FindingLevel
    detail: str
    advice: str = ""

    def view(self) -> dict[str, str]:
        return {
            "part": self.part,
            "check": self.check,
            "level": self.level,
            "detail": self.detail,
            "advice": self.advice,
        }


@dataclass(eq=False)
class Report:
    """Collects findings; `on_finding` is called with each as it comes."""

    on_finding: Callable[[DoctorFinding], None] = lambda _: None
    findings: list[DoctorFinding] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        return any(finding.level == "failed" for finding in self.findings)

    def part(self, name: str) -> CheckedPart:
        return CheckedPart(self, name)


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """What is checked, and the report of it."""

    report: Report
    name: str

    def ok(self, check: str, detail: str) -> None:
        self._add(check, "ok", detail)

    def warn(self, check: str, detail: str, advice: str) -> None:
        """Add a finding that an operator should know of. It does not change the exit code."""
        self._add(check, "warning", detail, advice)

    def fail(self, check: str, detail: str, advice: str) -> None:
        self._add(check, "failed", detail, advice)

    def _add(self, check: str, level: FindingLevel, detail: str, advice: str = "") -> None:
        finding = DoctorFinding(self.name, check, level, " ".join(detail.split()), advice)
        self.report.findings.append(finding)
        self.report.on_finding(finding)
