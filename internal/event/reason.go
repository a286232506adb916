package event

// Reason tells why a record was refused. It is stable: it stands in dead letters and is the label of a metric.
type Reason string

// Every reason for a dead letter. All but the last three are Decode's; those are given where the key, the partition and the
// present are known.
const (
	ReasonSize      Reason = "too_large"
	ReasonJSON      Reason = "not_json"
	ReasonDepth     Reason = "too_deep"
	ReasonField     Reason = "bad_field"
	ReasonType      Reason = "unknown_type"
	ReasonTime      Reason = "bad_time"
	ReasonMissing   Reason = "missing_property"
	ReasonProperty  Reason = "wrong_property_type"
	ReasonNumber    Reason = "number_out_of_range"
	ReasonText      Reason = "bad_text"
	ReasonDate      Reason = "bad_date"
	ReasonMoment    Reason = "bad_moment"
	ReasonChoice    Reason = "not_a_choice"
	ReasonKey       Reason = "key_mismatch"
	ReasonPartition Reason = "wrong_partition"
	ReasonAhead     Reason = "ahead_of_present"
)

// ReasonDoc tells users what a reason means.
type ReasonDoc struct {
	Reason Reason
	Text   string
}

// Reasons returns every reason with its text, in the order in which they are looked for.
func Reasons() []ReasonDoc {
	return []ReasonDoc{
		{ReasonSize, "The record is larger than 1 MiB (1,048,576 bytes)."},
		{ReasonJSON, "The record is not one JSON object in UTF-8: malformed, cut short, empty, another JSON value, or with something behind the object."},
		{ReasonDepth, "Objects and lists in the record are nested more than 10,000 deep, the record itself counted."},
		{ReasonField, "id, type, customer_id or time is missing, null, not a string, an empty string, or longer than 32,768 bytes."},
		{ReasonType, "No schema declares the event's type."},
		{ReasonTime, "The event's time is not an RFC 3339 time with a zone, or not in the years 1 to 9999."},
		{ReasonMissing, "A property that the type requires is missing or null."},
		{ReasonProperty, "A property's value is not of the declared type."},
		{ReasonNumber, "A number is beyond a double, or an integer beyond 64 bits."},
		{ReasonText, "A string holds an escape for half of a surrogate pair, which is no character."},
		{ReasonDate, "A date is not a calendar date as \"2006-01-02\"."},
		{ReasonMoment, "A moment is not an RFC 3339 time with a zone, or not in the years 1 to 9999."},
		{ReasonChoice, "A value is none of those that the schema lists."},
		{ReasonKey, "The record's key is not the event's customer_id."},
		{ReasonPartition, "The record is not in the partition of its key: its producer partitions in another way than the configured partitioner."},
		{ReasonAhead, "The event's time is more than 5 minutes ahead of the present."},
	}
}

// Reject is the error of a record that is refused: it belongs into the dead letters, and the pipeline goes on.
//
//nolint:errname // It is what is done to the record, beside being an error.
type Reject struct {
	Reason Reason
	// Detail says what was found where, for people.
	Detail string
}

// Error returns the reason and the detail.
func (r *Reject) Error() string {
	if r.Detail == "" {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Detail
}
