"""Reads JUnit XML with junitparser and prints what it counts: python junit_read.py FILE"""

import json
import sys

from junitparser import Error, Failure, JUnitXml, Skipped

report = JUnitXml.fromfile(sys.argv[1])
counts = {"cases": 0, "failures": 0, "errors": 0, "skipped": 0}
agree = True
for suite in report:
    own = {"cases": 0, "failures": 0, "errors": 0, "skipped": 0}
    for case in suite:
        own["cases"] += 1
        for result in case.result:
            for name, kind in (("failures", Failure), ("errors", Error), ("skipped", Skipped)):
                own[name] += isinstance(result, kind)
    stated = (suite.tests, suite.failures, suite.errors, suite.skipped)
    agree = agree and stated == tuple(own.values())
    for name, number in own.items():
        counts[name] += number
stated = (report.tests, report.failures, report.errors, report.skipped)
counts["counts_agree"] = agree and stated == tuple(counts.values())
print(json.dumps(counts))
