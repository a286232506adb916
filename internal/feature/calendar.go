package feature

import "time"

// DayMS is the length of a day that is 24 hours, in milliseconds.
const DayMS = 24 * 60 * 60 * 1000

// Day is a calendar day, counted from 1970-01-01.
type Day int64

// DayOf returns the calendar day of a moment in a zone.
func DayOf(ms int64, zone *time.Location) Day {
	return Day(floorDiv(ms+offset(ms, zone), DayMS))
}

// offset returns the zone's distance from UTC at a moment, in milliseconds.
func offset(ms int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return 0
	}
	_, seconds := time.UnixMilli(ms).In(zone).Zone()
	return int64(seconds) * 1000
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ParseDay reads a date written "2006-01-02".
func ParseDay(s string) (Day, bool) {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, ok1 := digits(s[:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:])
	if !ok1 || !ok2 || !ok3 || year == 0 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day {
		return 0, false // 30 February
	}
	return Day(floorDiv(t.Unix(), 24*60*60)), true
}

func digits(s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

// String writes the day as "2006-01-02".
func (d Day) String() string { return d.date().Format(time.DateOnly) }

func (d Day) date() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// anniversary returns the day in a year on which d returns: 29 February returns on 28 February in common years.
func (d Day) anniversary(year int) Day {
	_, month, day := d.date().Date()
	if month == time.February && day == 29 && time.Date(year, time.February, 29, 0, 0, 0, 0, time.UTC).Day() != 29 {
		day = 28
	}
	return Day(floorDiv(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), 24*60*60))
}

// Age returns the whole years from d to today; negative where d is still to come.
func (d Day) Age(today Day) int64 {
	year := today.date().Year()
	years := int64(year - d.date().Year())
	if today < d.anniversary(year) {
		years--
	}
	return years
}

// Until returns the days from today to the next yearly return of d: 0 on the day itself. A day to come returns first on itself.
func (d Day) Until(today Day) int64 { return int64(d.Next(today) - today) }

// Next returns the next yearly return of d, today included. A day to come returns first on itself.
func (d Day) Next(today Day) Day {
	if d >= today {
		return d
	}
	year := today.date().Year()
	if next := d.anniversary(year); next >= today {
		return next
	}
	return d.anniversary(year + 1)
}

// NextUnit returns the first moment after now at which a part of the zone's wall clock may change: unit is a day, an hour, a
// minute or a second, in milliseconds. It is the end of the unit by the offset in force, or the end of that offset where
// that comes first.
func NextUnit(now int64, zone *time.Location, unit int64) int64 {
	local := now + offset(now, zone)
	next := now + unit - (local - floorDiv(local, unit)*unit)
	if zone != time.UTC {
		if _, end := time.UnixMilli(now).In(zone).ZoneBounds(); !end.IsZero() {
			if e := end.UnixMilli(); e > now && e < next {
				next = e
			}
		}
	}
	return next
}

// Before returns a moment after now, not later than the next midnight, or the beginning of the day, in any zone: for what
// does not change before that day.
func (d Day) Before(now int64, zone *time.Location) int64 {
	// Two days of slack cover every offset, and every change of it until then.
	return max(NextUnit(now, zone, DayMS), int64(d-2)*DayMS)
}

// Birthday returns the first day after a day on which Age changes: the next anniversary, that of a date to come too.
func (d Day) Birthday(after Day) Day {
	year := after.date().Year()
	if next := d.anniversary(year); next > after {
		return next
	}
	return d.anniversary(year + 1)
}
