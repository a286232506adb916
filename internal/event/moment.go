package event

// The first and the last moment that there is: the years 1 to 9999 in UTC, which are those of CEL's timestamps.
const (
	minMoment = -62135596800000
	maxMoment = 253402300799999
)

// ParseMoment reads a time of RFC 3339 with its zone and returns the milliseconds since the epoch. Digits past the millisecond
// are cut off, before 1970 too: the moment is never later than what is written.
//
// "T" and "Z" may be lower case, as RFC 3339 section 5.6 says; a space between date and time, a comma before the fraction and
// a leap second (":60") are refused. So is a moment before the year 1 or after the year 9999 in UTC.
func ParseMoment(s string) (int64, bool) {
	var d lastDay
	return d.parse(s)
}

// lastDay remembers the day that was read last: mostly the next moment's too. The zero value remembers none.
type lastDay struct {
	text [len("2006-01-02")]byte
	days int64
}

// parse is ParseMoment.
func (d *lastDay) parse(s string) (int64, bool) {
	const shape = len("2006-01-02T15:04:05")
	if len(s) <= shape || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	if d.text[0] == 0 || s[:10] != string(d.text[:]) {
		days, ok := parseDate(s[:10])
		if !ok {
			return 0, false
		}
		copy(d.text[:], s)
		d.days = days
	}
	hour, ok1 := twoDigits(s[11], s[12])
	minute, ok2 := twoDigits(s[14], s[15])
	second, ok3 := twoDigits(s[17], s[18])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms := int64(0)
	rest := s[shape:]
	if rest[0] == '.' {
		n := 1
		for scale := int64(100); n < len(rest) && isDigit(rest[n]); n++ {
			ms += int64(rest[n]-'0') * scale
			scale /= 10
		}
		if n == 1 || n == len(rest) {
			return 0, false
		}
		rest = rest[n:]
	}
	offset, ok := parseZone(rest)
	if !ok {
		return 0, false
	}
	moment := ((d.days*24+hour)*60+minute-offset)*60000 + second*1000 + ms
	return moment, moment >= minMoment && moment <= maxMoment
}

// parseZone returns the minutes of "Z" or "±15:04".
func parseZone(s string) (int64, bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, ok1 := twoDigits(s[1], s[2])
	minute, ok2 := twoDigits(s[4], s[5])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	offset := hour*60 + minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// ValidDate reports whether s is a day of the calendar, written as "2006-01-02", in the years 1 to 9999.
func ValidDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

// parseDate returns the days from 1970-01-01 to the date.
func parseDate(s string) (int64, bool) {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, ok1 := twoDigits(s[0], s[1])
	ofCentury, ok2 := twoDigits(s[2], s[3])
	month, ok3 := twoDigits(s[5], s[6])
	day, ok4 := twoDigits(s[8], s[9])
	year := century*100 + ofCentury
	if !ok1 || !ok2 || !ok3 || !ok4 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	// Count from 1 March of year 0, so that the day that leap years add is the last of its year. Howard Hinnant,
	// "chrono-Compatible Low-Level Date Algorithms", days_from_civil; years are never negative here.
	if month <= 2 {
		year--
		month += 12
	}
	const toEpoch = 719468
	return year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - toEpoch, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

func twoDigits(a, b byte) (int64, bool) {
	return int64(a-'0')*10 + int64(b-'0'), isDigit(a) && isDigit(b)
}

func isDigit(c byte) bool { return c-'0' <= 9 }
