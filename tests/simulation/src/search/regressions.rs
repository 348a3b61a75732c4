//! Randomized runs from fresh seeds on which an invariant was once broken, because the collector or the invariant was wrong.

/// The days, by their schedules' names. They break no invariant any more, unless a bug is planted that they once found.
pub const REGRESSIONS: [&str; 46] = [
    // A token is revoked, refused and honored again during one tick.
    "randomized/audit/1795770183000009",
    // Pages have three rows, and a walk needs more than 15 ticks to reach what is missing, while the lag is two days.
    "randomized/integration/1795770182000015",
    // A row that Slack shows late moves others to the next page while a walk is between the two, and a re-read finds them.
    "randomized/integration/1795771536000000",
    // Slack leaves rows out of a last page and hides their number.
    "randomized/access/1795771535000019",
    // A process that was held up for 24 minutes meets a cursor that is ahead of its clock, and starts anew.
    "randomized/audit/1795772634000004",
    // A refusal of the token before a reconnect counted as the first of two. (The collector was wrong.)
    "randomized/audit/1795774904000001",
    // Two faults cut the same page short twice running.
    "randomized/integration/1795773528000058",
    // Ticks that overlap are refused and not refused, and the refused one has the last word in the cursor.
    "randomized/audit/1795782659000026",
    "randomized/integration/1795782661000006",
    "randomized/audit/1795783170000107",
    // Ticks that are not refused fail to save the cursor, which still says that one was.
    "randomized/audit/1795786975000193",
    // A process that was held up for eight hours starts the stream anew while another one's tick is under way.
    "randomized/access/1795783172000025",
    // Two ticks begin a stream anew, and the one that did so first ends last.
    "randomized/audit/1795786976000251",
    // Late rows moved those of the page that a walk stored last to later pages, and it went on below them. (The collector was wrong.)
    "randomized/integration/1795783473000016",
    // A numbered page of access logs with fewer rows than its own total was believed. (The collector was wrong.)
    "randomized/access/1795784327000106",
    // Two walks of access logs, one after the other, take more than 15 ticks to go through the same rows.
    "randomized/access/1795784328000006",
    // One stream of a process is told that its token is revoked, hours after the other stream has ended its tick.
    "randomized/access/1795785100000018",
    // A tick's only reply is broken JSON.
    "randomized/integration/1795785099000056",
    // The source is connected again while a tick is under way.
    "randomized/access/1795786118000108",
    // An append that failed was made again with all of its lines, also those that another writer had stored. (The collector was wrong.)
    "randomized/access/1795785900000158",
    // A tick is killed after it has saved that its token was refused. (Nor did the collector take a page in between for an answer.)
    "randomized/access/1795793079000098",
    // A walk that stood in a workspace reads there what was missed since, and counted it as late. (The collector was wrong.)
    "randomized/access/1795793992000032",
    // A stream is refused its token by the tick that begins it anew.
    "randomized/audit/1795794764000047",
    "randomized/audit/1795794766000099",
    // The source is connected again while our clock is ahead, just after a refusal.
    "randomized/audit/1795795927000021",
    // Nothing of a walk is stored yet, and the number of the page that was the last one is taken for the stored one. (The collector was wrong.)
    "randomized/integration/1795796959000031",
    // A reply without a `Date` takes back how far Slack's clock has certainly come.
    "randomized/audit/1795802699000069",
    // Two faults in a row leave out the rows of a page in two ways, and the second page was believed. (The collector was wrong.)
    "randomized/integration/1795802702000060",
    // A walk that goes on in the middle of a second counted equal rows from there. (The collector was wrong.)
    "randomized/integration/1795806133000017",
    "randomized/integration/1795809038000011",
    // Each page that broke off, for it had too many rows, left its workspace for a quarter of an hour. (The collector was wrong.)
    "randomized/access/1795812224000010",
    "randomized/integration/1795812228000029",
    // A batch that was full after one second of a live walk cut the overlap to ten seconds. (The collector was wrong.)
    "randomized/audit/1795812958000082",
    // Two walks of a tick are led by the same text of a page cursor.
    "randomized/access/1795819346000807",
    // A process that was held up for 18 hours starts the stream anew, from a later second than the one up to which it was collected.
    "randomized/integration/1795845438000490",
    // A walk of pages of one row needs a tick's calls to count the equal rows of one second again. (The collector was wrong.)
    "randomized/integration/1795846667000078",
    // Rows of a walk counted as new again when it came further back, and pages that repeat them as progress. (The collector was wrong.)
    "randomized/audit/1795847519000780",
    // A first page that only tells how many pages there are counted as progress, and ended an error. (The collector was wrong.)
    "randomized/integration/1795848768000384",
    // A single refusal of one workspace made the collector forget since when the other one could not be read. (The collector was wrong.)
    "randomized/integration/1795849665001917",
    // A workspace whose pages lead nowhere is passed over, and the lag does not count it.
    "randomized/access/1795850451000406",
    "randomized/integration/1795852077001758",
    // Before a page of one old row, nobody could tell which rows Slack lists first, and the gap counted as read. (The collector was wrong.)
    "randomized/integration/1795857183000353",
    // A process that was suspended for 16 hours meets a backfill that was requested in that time, and starts the stream again.
    "randomized/audit/1795857184000426",
    // The same process saves its cursor twice, and the second time replaces what it has saved itself.
    "randomized/access/1795858859000626",
    // A tick that had no time to call leaves the refusal of the tick before it in the cursor.
    "randomized/audit/1795858861000560",
    // A tick that ran out of time after one page cut the overlap to ten seconds. (The collector was wrong.)
    "randomized/access/1795860271000218",
];
