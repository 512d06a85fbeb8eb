"""Recomputes docs/costs.md: from its own prices, the lengths that were measured, template.yaml and the table of codes.

    costs.py ROOT

Fails for each sentence or cell that has another number.
"""

import math
import re
import sys
from pathlib import Path

from measured import newest

# As the bench takes them (bench/src/cost.rs): what CloudWatch adds to a line, an access line, Lambda's own three lines.
LINE_EXTRA, ACCESS_LINE, SYSTEM_LINES = 26, 300, 450
MONTH_SECONDS = 30 * 86_400
# The bench measures a line of log of the stack `falconer-local`; the document speaks of `falconer`.
LOCAL = len("-local")


def price(document, row, nth=0):
    """The nth amount of dollars in a row of the table of prices."""
    line = re.search(rf"^\| {re.escape(row)}[^|]*\|([^|]*)\|", document, re.M).group(1)
    return float(re.findall(r"\$([0-9.]+[0-9])", line)[nth])


class Prices:
    def __init__(self, document):
        at = lambda row, nth=0: price(document, row, nth)
        self.gateway, self.out = at("HTTP API request"), at("data out")
        self.invoke, self.gb_second = at("Lambda request"), at("Lambda time")
        self.read, self.write = at("DynamoDB read unit"), at("DynamoDB write unit")
        self.logs, self.metric, self.alarm = at("CloudWatch logs"), at("CloudWatch metric"), at("CloudWatch alarm")
        self.secret, self.trace = at("Secrets Manager"), at("X-Ray")
        self.rds, self.rds_gb, self.ec2 = at("RDS"), at("RDS", 1), at("EC2")
        self.stored = at("DynamoDB storage") + at("DynamoDB storage", 1)


def verification(prices, milliseconds, line, answer, writes=1, reads=1):
    """Dollars for a million."""
    seconds = math.ceil(milliseconds) / 1_000 * 256 / 1_024
    log, out = (line + LINE_EXTRA) / 1_000 * prices.logs, answer / 1_000 * prices.out
    units = reads * prices.read + writes * prices.write
    return prices.gateway + prices.invoke + seconds * 1e6 * prices.gb_second + units + log + out


def throttles(template):
    """Requests a second that the gateway lets in: to the POSTs together, and to the GETs."""
    api = template.split("\n  Api:\n")[1].split("\n  AccessLogGroup:")[0]
    default, *gets = [int(rate) for rate in re.findall(r"ThrottlingRateLimit: (\d+)", api)]
    return default, sum(gets)


def metrics_of_alarms(template):
    """Metrics that the essential alarms read, and the others."""
    counts = {True: 0, False: 0}
    for alarm in re.findall(r"\n  \w+:\n    Type: AWS::CloudWatch::Alarm\n(?:    .*\n)+", template):
        if "Condition: WithoutDeploymentAlarms" in alarm:
            # One of CloudFormation's own needs, and only for the length of a deployment.
            continue
        counts["Condition: WithAllAlarms" not in alarm] += max(1, alarm.count("MetricStat:"))
    return counts[True], counts[False]


def series(root):
    """Metrics that the functions write: one for each code, and those of telemetry.rs."""
    codes = (root / "shared/falconer-domain/src/code.rs").read_text(encoding="utf-8")
    telemetry = (root / "shared/falconer-http/src/telemetry.rs").read_text(encoding="utf-8")
    names = set(re.findall(r'"([A-Z][A-Z_]+)"', codes))
    return len(names) + int(re.search(r"METRICS: \[&str; (\d+)\]", telemetry).group(1))


def facts(document, template, root):
    """What docs/costs.md says, with the numbers of now."""
    prices = Prices(document)
    bench = newest(root)["costs"]
    line, answer = bench["falconer"]["bytes"]["log"] - LOCAL, bench["falconer"]["bytes"]["response"]
    wall, processor = bench["falconer"]["wall_ms"], bench["falconer"]["processor_ms"]
    billed = round(bench["bills"][0]["billed_ms"], 1)
    assumed, refused = (verification(prices, 10, 512, 1_500, writes) for writes in (1, 0))
    measured, cheap = (verification(prices, billed, line, answer, writes) for writes in (1, 0))
    if not (measured <= 2.40 and assumed <= 2.40 and cheap <= 1.80 and refused <= 1.80):
        raise SystemExit("a million verifications costs more than $2.40, or more than $1.80 without rows of a yes")
    yield f"| **together** | | **${assumed:.2f}** | **${refused:.2f}** |"
    yield f"a verification takes {wall:.1f} ms, of which {processor:.1f} are the processor's"
    yield f"that is {billed} ms. With the name of the stack `falconer` a verification writes {line} bytes of log, and it sends {answer:,} bytes"
    yield f"a million costs **${measured:.2f}**, and ${cheap:.2f} with `=refusals`"
    access = (ACCESS_LINE + LINE_EXTRA) / 1_000 * prices.logs
    system = (SYSTEM_LINES + 3 * LINE_EXTRA) / 1_000 * prices.logs
    yield f"pays ${math.ceil(100 * prices.write) / 100:.2f} more for a million"
    yield f"a million costs **${assumed + access + prices.trace:.2f}**"
    yield f"it costs **${assumed + access + prices.trace + system:.2f}**"
    junk, counted = verification(prices, 10, 512, 1_500, 0, 0), verification(prices, 10, 512, 1_500, 2)
    posts, gets = throttles(template)
    requests = lambda rate: rate * MONTH_SECONDS / 1e6
    yield f"**${junk:.2f} a million**"
    yield f"{posts} a second bounds a month of that at {requests(posts):.0f} million requests, ${requests(posts) * junk:,.0f}"
    yield f"The GETs have {gets} a second besides, ${requests(gets) * junk:,.0f}"
    yield f"costs ${counted:.2f} a million, which bounds a month of those at ${requests(posts) * counted:,.0f}"
    yield f"all together ${requests(4 * posts + gets) * junk:,.0f}"
    essential, others = metrics_of_alarms(template)
    yield f"alarms, `Alarms=essential`: {'ten' if essential == 10 else essential} metrics, all free"
    yield f"The sum is ${prices.secret:.2f}. It is ${prices.secret + essential * prices.alarm:.2f} where"
    everything = prices.secret + others * prices.alarm
    yield f"read {essential + others} metrics, {others} beyond the free ones: ${others * prices.alarm:.2f} more, ${everything:.2f} together"
    names = series(root)
    yield f"ten beyond the free ones: ${10 * prices.metric:.2f}. All {names} in every hour would cost ${(names - 10) * prices.metric:.2f}"
    pair, database, disk = 730 * prices.ec2, 730 * prices.rds, 20 * prices.rds_gb
    server = round(pair, 2) + round(database, 2) + round(disk, 2)
    yield f"${pair:.2f} a month) and"
    yield f"${database:.2f}, and 20 GB at ${prices.rds_gb}, ${disk:.2f}) is **${server:.2f}** a month"
    for idle, text in [(prices.secret, "**{:.1f} million** verifications"), (everything + 10 * prices.metric, "up to {:.1f} million.")]:
        yield text.format((server - idle) / round(assumed, 2))
    yield f"the metrics of a busy month (${everything + 10 * prices.metric:.2f})"
    yield f"| 30,000 verifications | ${assumed:.2f} a million | ${0.03 * assumed:.2f} |"
    yield f"kept 400 days: 160 MB | ${0.161 * prices.stored:.2f} |"


def main():
    root = Path(sys.argv[1])
    document = (root / "docs/costs.md").read_text(encoding="utf-8")
    template = (root / "template.yaml").read_text(encoding="utf-8")
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    flat = " ".join(document.split())
    told = list(facts(document, template, root))
    wrong = [f"docs/costs.md lacks: {fact}" for fact in told if fact not in flat]
    million = re.search(r"a million costs \*\*(\$[0-9.]+)\*\*", " ".join(told)).group(1)
    if f"$0.40 a month when nobody calls, and {million} for a million verifications" not in readme:
        wrong.append(f"README.md has another price than {million}, or another month without calls")
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"{len(told)} sums of docs/costs.md, each recomputed")


if __name__ == "__main__":
    main()
