// Package subscribe reads what ruas publishes, by segmentio/kafka-go: the changes of segment-changes, the lists of segment-memberships, and
// any other topic that is written in transactions.
//
// Topic reads all partitions of a topic from where its reader left off, and hands on batches; Reader does so for one partition. Both give
// the records that were committed and no others. ParseChange and ParseMembership say what is in them, and Mark tells a change that is new
// from one that was seen before.
//
// Why not kafka-go's own reader: a broker gives a reader with isolation level read_committed everything before the first transaction that
// is still open, and names the transactions therein that were aborted; to leave out their records is up to the client (KIP-98, "Reading
// transactional messages"). kafka-go hands them out (its issue 1332): after a worker's crash its readers show changes that never happened.
//
// # Effects exactly once
//
// Reading starts where the reader says, not where a consumer group's committed offset is: an offset that is stored apart from its effect
// leaves a gap between the two, in which a crash loses or doubles the effect. So store the two together, in one write: the offset as a row
// of the transaction in which a voucher is booked, or as a header of the message that goes out. After a crash, go on behind the offset
// that is found there. The programs below examples/ show both.
//
// The package knows nothing of groups: who reads which partition is for the deployment to say, one process or a fixed share each.
package subscribe
