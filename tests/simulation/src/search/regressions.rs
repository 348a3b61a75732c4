//! Seeds of randomized runs that once violated an invariant, because the collector or the invariant was wrong.

/// The names of their schedules. None of them violates an invariant now, unless a mutant reintroduces a defect. `Defect:` marks a former
/// defect of the collector. The other comments describe a case that an invariant did not allow for.
pub const REGRESSIONS: [&str; 50] = [
    // Slack revokes a token, rejects it and accepts it again during one tick.
    "randomized/audit/1795770183000009",
    // With pages of three rows, a walk needs more than 15 ticks to reach missing rows, while the lag is two days.
    "randomized/integration/1795770182000015",
    // A late row moves others to the next page while a walk is between the two pages, and a re-read finds them.
    "randomized/integration/1795771536000000",
    // Slack omits rows from a last page and hides their number.
    "randomized/access/1795771535000019",
    // A process that was suspended for 24 minutes loads a cursor that is ahead of its clock, and restarts the stream.
    "randomized/audit/1795772634000004",
    // Defect: a rejection of the token before a reconnect counted as the first of two.
    "randomized/audit/1795774904000001",
    // Two faults truncate the same page twice in a row.
    "randomized/integration/1795773528000058",
    // Of two overlapping ticks in audit logs, only one is rejected, and it saves the cursor last.
    "randomized/audit/1795782659000026",
    // Of two overlapping ticks in integration logs, only one is rejected, and it saves the cursor last.
    "randomized/integration/1795782661000006",
    // The same case in audit logs, with another seed.
    "randomized/audit/1795783170000107",
    // Ticks that are not rejected fail to save the cursor, which still contains the rejection of an earlier tick.
    "randomized/audit/1795786975000193",
    // A process that was suspended for eight hours restarts the stream during the tick of another one.
    "randomized/access/1795783172000025",
    // Two ticks restart a stream, and the one that did so first ends last.
    "randomized/audit/1795786976000251",
    // Defect: late rows moved the last stored page of a walk to later pages, and the walk continued after them.
    "randomized/integration/1795783473000016",
    // Defect: the collector accepted a numbered page of access logs with fewer rows than its own total.
    "randomized/access/1795784327000106",
    // Two consecutive walks of access logs need more than 15 ticks for the same rows.
    "randomized/access/1795784328000006",
    // Slack reports a revoked token to one stream of a process, hours after the tick of the other stream ended.
    "randomized/access/1795785100000018",
    // The only response of a tick is broken JSON.
    "randomized/integration/1795785099000056",
    // The source is reconnected during a tick.
    "randomized/access/1795786118000108",
    // Defect: the retry of a failed append repeated all of its lines, including those that another writer had stored.
    "randomized/access/1795785900000158",
    // Defect: the same, with another seed.
    "randomized/access/1795785900000006",
    // Defect: a page between two rejections did not count as accepted, here in a tick that is killed after it saved the first rejection.
    "randomized/access/1795793079000098",
    // Defect: a walk in a workspace that had failed counted the rows that it had missed as late.
    "randomized/access/1795793992000032",
    // Slack rejects the token of the tick that restarts a stream of audit logs.
    "randomized/audit/1795794764000047",
    // The same case with another seed.
    "randomized/audit/1795794766000099",
    // The source is reconnected just after a rejection, while the collector's clock is ahead.
    "randomized/audit/1795795927000021",
    // Defect: a walk that had not stored anything took the number of its former last page for the number of the stored page.
    "randomized/integration/1795796959000031",
    // A response without a `Date` lowers the time that Slack's clock has certainly reached.
    "randomized/audit/1795802699000069",
    // Defect: two consecutive faults omit rows of a page in different ways, and the collector accepted the second page.
    "randomized/integration/1795802702000060",
    // Defect: a walk that continued in the middle of a second counted equal rows from there.
    "randomized/integration/1795806133000017",
    // Defect: the same, with another seed.
    "randomized/integration/1795809038000011",
    // Defect: each page of access logs that broke off because of too many rows blocked its workspace for a quarter of an hour.
    "randomized/access/1795812224000010",
    // Defect: each page of integration logs that broke off because of too many rows blocked its workspace for a quarter of an hour.
    "randomized/integration/1795812228000029",
    // Defect: a batch that was full after one second of a live walk reduced the overlap to ten seconds.
    "randomized/audit/1795812958000082",
    // Two walks of a tick use page cursors with the same text.
    "randomized/access/1795819346000807",
    // A process that was suspended for 18 hours restarts the stream from a later second than the watermark.
    "randomized/integration/1795845438000490",
    // Defect: a walk of one-row pages spent all calls of a tick on counting the equal rows of one second again.
    "randomized/integration/1795846667000078",
    // Defect: rows of a walk counted as new again when it reached an older time, so pages that repeat them looked like progress.
    "randomized/audit/1795847519000780",
    // Defect: a first page that only tells how many pages there are counted as progress and cleared an error.
    "randomized/integration/1795848768000384",
    // Defect: a single rejection of one workspace made the collector forget since when another workspace could not be read.
    "randomized/integration/1795849665001917",
    // A workspace of access logs whose pages lead nowhere is skipped, and the lag does not include it.
    "randomized/access/1795850451000406",
    // A workspace of integration logs whose pages lead nowhere is skipped, and the lag does not include it.
    "randomized/integration/1795852077001758",
    // Defect: before a page with one old row, the order of the rows was unknown, and the gap counted as read.
    "randomized/integration/1795857183000353",
    // A tick reports its own error instead of a workspace that is skipped because its pages lead nowhere.
    "randomized/integration/1795857183000434",
    // A process that was suspended for 16 hours loads a backfill that was requested since, and restarts the stream.
    "randomized/audit/1795857184000426",
    // A suspended process saves its cursor twice, and replaces its own cursor the second time.
    "randomized/access/1795858859000626",
    // A tick without time for a call leaves the rejection of the previous tick in the cursor.
    "randomized/audit/1795858861000560",
    // Defect: a tick that ran out of time after one page reduced the overlap to ten seconds.
    "randomized/access/1795860271000218",
    // A tick searches many pages for the row at which a walk continues, and the error of the previous tick remains.
    "randomized/integration/1795862194000561",
    // A tick reads a workspace again after hours, and another tick saves its cursor first.
    "randomized/integration/1795863255000595",
];
