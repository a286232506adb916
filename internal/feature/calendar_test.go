package feature

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/iana"
)

// oddZones have daylight saving, midnights that do not exist or come twice, days that were left out, offsets of part hours, and
// offsets with seconds.
var oddZones = []string{
	"UTC", "Asia/Jakarta", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia", "Europe/London", "America/New_York",
	"Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Gaza", "America/Havana", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Kiritimati",
	"Africa/Monrovia", "Asia/Tehran", "America/St_Johns", "Asia/Pyongyang",
}

// oddMoments are near changes of offset that touch a midnight or a day.
var oddMoments = []string{
	"2017-10-15T03:00:00Z", // America/Sao_Paulo: no midnight
	"2018-02-18T02:00:00Z", // America/Sao_Paulo: 23:00 twice
	"2022-03-26T22:00:00Z", // Asia/Beirut: no midnight
	"2023-04-27T22:00:00Z", // Africa/Cairo: no midnight
	"2023-10-26T21:00:00Z", // Africa/Cairo: midnight twice
	"2011-12-30T10:00:00Z", // Pacific/Apia: no 30 December
	"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z",
	"1972-01-07T00:44:30Z", // Africa/Monrovia: 44 minutes and 30 seconds
	"2024-02-29T00:00:00Z", "2023-02-28T23:59:59Z", "2000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1900-03-01T00:00:00Z",
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	if name == "UTC" {
		return time.UTC
	}
	loc := iana.Zone(name)
	if loc == nil {
		t.Fatalf("there is no zone %s", name)
	}
	return loc
}

// randomMoment is near an odd moment, or anywhere between 1890 and 2090.
func randomMoment(r *rand.Rand) int64 {
	if r.IntN(2) == 0 {
		at, err := time.Parse(time.RFC3339, oddMoments[r.IntN(len(oddMoments))])
		if err != nil {
			panic(err)
		}
		return at.UnixMilli() + r.Int64N(3*DayMS) - 3*DayMS/2
	}
	const year = 365.2425 * DayMS
	return r.Int64N(int64(200*year)) - int64(80*year)
}

func randomDay(r *rand.Rand) Day {
	if r.IntN(4) == 0 {
		return dayOn(1904+4*r.IntN(40), time.February, 29)
	}
	return Day(r.IntN(70_000) - 30_000)
}

func dayOn(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// returns tells whether today is a yearly return of d, by the words of the contract.
func returns(d, today Day) bool {
	_, month, day := d.date().Date()
	year, m, dd := today.date().Date()
	leap := time.Date(year, time.March, 0, 0, 0, 0, 0, time.UTC).Day() == 29
	if month == time.February && day == 29 && !leap {
		day = 28
	}
	return m == month && dd == day
}

func TestDayOf(t *testing.T) {
	randomly(t, 4000, func(t *testing.T, r *rand.Rand) {
		zone := zoneOf(t, oddZones[r.IntN(len(oddZones))])
		ms := randomMoment(r)
		want := time.UnixMilli(ms).In(zone).Format(time.DateOnly)
		d := DayOf(ms, zone)
		if d.String() != want {
			t.Errorf("%d is on %s in %s, want %s", ms, d, zone, want)
		}
		if back, ok := ParseDay(want); !ok || back != d {
			t.Errorf("%s is read as %s, %v", want, back, ok)
		}
	})
}

func TestParseDay(t *testing.T) {
	for _, bad := range []string{"", "2026", "2026-1-02", "2026-02-30", "2023-02-29", "2026-13-01", "2026-00-10", "26-01-02", "2026-01-02T00:00:00Z", " 2026-01-02", "2026/01/02", "abcd-ef-gh"} {
		if d, ok := ParseDay(bad); ok {
			t.Errorf("%q is read as %s", bad, d)
		}
	}
	for _, good := range []string{"1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31", "2024-02-29", "1582-10-10"} {
		if d, ok := ParseDay(good); !ok || d.String() != good {
			t.Errorf("%q is read as %s, %v", good, d, ok)
		}
	}
	if d, _ := ParseDay("1970-01-02"); d != 1 {
		t.Errorf("1970-01-02 is day %d", d)
	}
}

func TestAgeOfKnownDays(t *testing.T) {
	day := func(s string) Day {
		d, ok := ParseDay(s)
		if !ok {
			t.Fatal(s)
		}
		return d
	}
	for _, c := range []struct {
		born, today string
		age, until  int64
	}{
		{"2000-06-15", "2026-06-14", 25, 1},
		{"2000-06-15", "2026-06-15", 26, 0},
		{"2000-06-15", "2026-06-16", 26, 364},
		{"2000-02-29", "2023-02-27", 22, 1},
		{"2000-02-29", "2023-02-28", 23, 0},
		{"2000-02-29", "2023-03-01", 23, 365},
		{"2000-02-29", "2024-02-28", 23, 1},
		{"2000-02-29", "2024-02-29", 24, 0},
		{"2000-02-28", "2024-02-28", 24, 0},
		{"2000-12-31", "2026-01-01", 25, 364},
		{"2000-01-01", "2025-12-31", 25, 1},
		{"2026-06-15", "2026-06-15", 0, 0},
		{"2026-06-16", "2026-06-15", -1, 1},
		{"2027-06-15", "2026-06-15", -1, 365},
		{"2027-06-14", "2026-06-15", -1, 364},
		{"2028-02-29", "2026-02-28", -2, 731},
	} {
		if age := day(c.born).Age(day(c.today)); age != c.age {
			t.Errorf("on %s the age of %s is %d, want %d", c.today, c.born, age, c.age)
		}
		if until := day(c.born).Until(day(c.today)); until != c.until {
			t.Errorf("on %s it is %d days until %s, want %d", c.today, until, c.born, c.until)
		}
	}
}

// TestAgeAgainstWalking walks day by day.
func TestAgeAgainstWalking(t *testing.T) {
	randomly(t, 300, func(t *testing.T, r *rand.Rand) {
		d := randomDay(r)
		age := int64(0)
		for today := d; today < d+5000; today++ {
			if today > d && returns(d, today) {
				age++
			}
			if got := d.Age(today); got != age {
				t.Fatalf("on %s the age of %s is %d, want %d", today, d, got, age)
			}
		}
		// Before the day: -1 in the year before it, -2 in the year before that.
		age = -1
		for today := d - 1; today > d-3000; today-- {
			if got := d.Age(today); got != age {
				t.Fatalf("on %s the age of %s is %d, want %d", today, d, got, age)
			}
			if returns(d, today) {
				age--
			}
		}
		for today := d - 800; today < d+2000; today += Day(1 + r.IntN(40)) {
			next := max(today, d)
			for !returns(d, next) {
				next++
			}
			if got := d.Until(today); got != int64(next-today) {
				t.Fatalf("on %s it is %d days until %s, want %d", today, got, d, next-today)
			}
		}
	})
}

// wallClock is the part of the wall clock that a unit counts.
func wallClock(ms int64, zone *time.Location, unit int64) string {
	layout := map[int64]string{DayMS: "2006-01-02", DayMS / 24: "2006-01-02 15", 60_000: "2006-01-02 15:04", 1000: "2006-01-02 15:04:05"}[unit]
	return time.UnixMilli(ms).In(zone).Format(layout)
}

// TestNextUnit looks at every change of the wall clock between a moment and the next one that NextUnit names: there is none.
func TestNextUnit(t *testing.T) {
	randomly(t, 3000, func(t *testing.T, r *rand.Rand) {
		zone := zoneOf(t, oddZones[r.IntN(len(oddZones))])
		now := randomMoment(r)
		unit := []int64{DayMS, DayMS / 24, 60_000, 1000}[r.IntN(4)]
		next := NextUnit(now, zone, unit)
		if next <= now || next > now+unit {
			t.Fatalf("after %d comes %d in %s", now, next, zone)
		}
		want := wallClock(now, zone, unit)
		for at := next - 1; at > now; at -= unit / 30 {
			if got := wallClock(at, zone, unit); got != want {
				t.Fatalf("in %s it is %s at %d and %s at %d, before %d", zone, want, now, got, at, next)
			}
		}
		// It is no idle moment, but for changes of offset.
		if _, end := time.UnixMilli(now).In(zone).ZoneBounds(); wallClock(next, zone, unit) == want && end.UnixMilli() != next {
			t.Fatalf("in %s it is still %s at %d", zone, want, next)
		}
	})
}

func TestMidnightsThatAreNot(t *testing.T) {
	for _, c := range []struct{ zone, now, next, day string }{
		{"America/Sao_Paulo", "2017-10-14T12:00:00-03:00", "2017-10-15T01:00:00-02:00", "2017-10-15"},
		{"Asia/Beirut", "2022-03-26T12:00:00+02:00", "2022-03-27T01:00:00+03:00", "2022-03-27"},
		{"Africa/Cairo", "2023-04-27T12:00:00+02:00", "2023-04-28T01:00:00+03:00", "2023-04-28"},
		{"Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31"},
		{"Europe/London", "2026-03-28T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29"},
	} {
		zone := zoneOf(t, c.zone)
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		next := NextUnit(now.UnixMilli(), zone, DayMS)
		want, err := time.Parse(time.RFC3339, c.next)
		if err != nil {
			t.Fatal(err)
		}
		if next != want.UnixMilli() || DayOf(next, zone).String() != c.day {
			t.Errorf("%s: the day after %s begins at %s, on %s; want %s, on %s", c.zone, c.now, time.UnixMilli(next).In(zone), DayOf(next, zone), c.next, c.day)
		}
	}
}

// TestBefore looks at the age on every day until a day before the next birthday.
func TestBefore(t *testing.T) {
	randomly(t, 3000, func(t *testing.T, r *rand.Rand) {
		zone := zoneOf(t, oddZones[r.IntN(len(oddZones))])
		now, d := randomMoment(r), randomDay(r)
		switch r.IntN(3) {
		case 0:
			d = DayOf(now, zone) - Day(365*r.IntN(30)+r.IntN(10)) // an anniversary is near
		case 1:
			d = dayOn(2011-r.IntN(40), time.December, 30) // did not return in Apia in 2011
		}
		next := d.Birthday(DayOf(now, zone)).Before(now, zone)
		if next <= now {
			t.Fatalf("after %d comes %d", now, next)
		}
		age := d.Age(DayOf(now, zone))
		for at := next - 1; at > now; at -= DayMS / 3 {
			if got := d.Age(DayOf(at, zone)); got != age {
				t.Fatalf("%s is %d at %d and %d at %d in %s, before %d", d, age, now, got, at, zone, next)
			}
		}
		// A walk along these moments comes to the next birthday in a few steps.
		steps := 0
		for ; d.Age(DayOf(now, zone)) == age; steps++ {
			now = d.Birthday(DayOf(now, zone)).Before(now, zone)
		}
		if steps > 8 {
			t.Fatalf("it takes %d steps to the birthday", steps)
		}
	})
}
