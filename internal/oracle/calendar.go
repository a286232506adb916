package oracle

import (
	"fmt"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Dates are moments of midnight UTC here, whatever zone they were read in.

// day is the date of a moment in a zone.
func day(moment, zone ref.Val) time.Time {
	loc, err := time.LoadLocation(string(zone.(types.String)))
	if err != nil {
		panic(fmt.Sprintf("the zone %v: %v", zone, err))
	}
	y, m, d := moment.(types.Timestamp).In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func daysBetween(from, to time.Time) int64 { return (to.Unix() - from.Unix()) / (24 * 60 * 60) }

// inYear is a date's return in a year: 29 February returns on 28 February in common years.
func inYear(date time.Time, year int) time.Time {
	if back := time.Date(year, date.Month(), date.Day(), 0, 0, 0, 0, time.UTC); back.Month() == date.Month() {
		return back
	}
	return time.Date(year, time.February, 28, 0, 0, 0, 0, time.UTC)
}

func daysUntil(date, today time.Time) int64 {
	if !date.Before(today) {
		return daysBetween(today, date)
	}
	if back := inYear(date, today.Year()); !back.Before(today) {
		return daysBetween(today, back)
	}
	return daysBetween(today, inYear(date, today.Year()+1))
}

func age(date, today time.Time) int64 {
	years := int64(today.Year() - date.Year())
	if inYear(date, today.Year()).After(today) {
		years--
	}
	return years
}
