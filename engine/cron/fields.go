package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// maxPattern bounds a pattern: with every minute written out it is shorter.
const maxPattern = 512

// years is how long the search for a wall time goes on: 29 February can be eight years away.
const years = 9

// star is the bit by which the parser says that a field was not restricted.
const star = 1 << 63

// everyHours has the bits of all hours.
const everyHours = 1<<24 - 1

// fields are the bits of what each field of a pattern admits.
type fields struct{ minute, hour, day, month, weekday uint64 }

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func parseFields(pattern string) (fields, error) {
	if len(pattern) > maxPattern {
		return fields{}, fmt.Errorf("a pattern has at most %d characters", maxPattern)
	}
	pattern = strings.TrimSpace(pattern)
	if strings.Contains(pattern, "TZ=") {
		return fields{}, fmt.Errorf("%q names a time zone; that is a parameter of its own", cut(pattern))
	}
	text, err := sundays(pattern)
	if err != nil {
		return fields{}, err
	}
	parsed, err := parser.Parse(text)
	if err != nil {
		return fields{}, fmt.Errorf("%q is no cron pattern: %w", cut(pattern), err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok { // @every: counted from nothing that outlives a process
		return fields{}, fmt.Errorf("%q is no cron pattern; write an interval as steps, such as */5 * * * *", cut(pattern))
	}
	f := fields{spec.Minute, spec.Hour, spec.Dom, spec.Month, spec.Dow}
	if f.next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fields{}, fmt.Errorf("%q is never due: no year has such a day", cut(pattern))
	}
	return f, nil
}

// sundays writes the last field so that the parser, which knows Sunday as 0 only,
// understands 7 too, and Sunday as the end of a range.
func sundays(pattern string) (string, error) {
	all := strings.Fields(pattern)
	for _, field := range all {
		if strings.Contains(","+field+",", ",,") {
			return "", fmt.Errorf("%q is no cron pattern: a list has an empty place", cut(pattern))
		}
	}
	if len(all) != 5 {
		return pattern, nil // the parser says what is wrong, or knows the name
	}
	var days []string
	for item := range strings.SplitSeq(all[4], ",") {
		days = append(days, sunday(item)...)
	}
	all[4] = strings.Join(days, ",")
	return strings.Join(all, " "), nil
}

// sunday rewrites one item of a list; what it does not understand stays for the parser to refuse.
func sunday(item string) []string {
	days, by, stepped := strings.Cut(item, "/")
	from, to, ranged := strings.Cut(days, "-")
	if from == "7" && !ranged {
		return []string{"0"}
	}
	if to != "7" && !strings.EqualFold(to, "sun") {
		return []string{item}
	}
	first, err := weekday(from)
	step := 1
	if stepped && err == nil {
		step, err = strconv.Atoi(by)
	}
	if err != nil || step < 1 {
		return []string{item}
	}
	var out []string
	for day := first; day <= 7; day += min(step, 8) {
		out = append(out, strconv.Itoa(day%7))
	}
	return out
}

func weekday(text string) (int, error) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()[:3]) {
			return int(day), nil
		}
	}
	day, err := strconv.ParseUint(text, 10, 3)
	return int(day), err
}

func (f fields) everyHour() bool { return f.hour&everyHours == everyHours }

// next gives the first wall time that fits and is not before, at a full minute;
// zero when there is none.
func (f fields) next(wall time.Time) time.Time {
	for last := wall.Year() + years; wall.Year() <= last; {
		switch {
		case !has(f.month, int(wall.Month())):
			wall = time.Date(wall.Year(), wall.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !f.dayFits(wall):
			wall = time.Date(wall.Year(), wall.Month(), wall.Day()+1, 0, 0, 0, 0, time.UTC)
		case !has(f.hour, wall.Hour()):
			wall = wall.Truncate(time.Hour).Add(time.Hour)
		case !has(f.minute, wall.Minute()):
			wall = wall.Truncate(time.Minute).Add(time.Minute)
		default:
			return wall
		}
	}
	return time.Time{}
}

// dayFits: when both fields of days are restricted, one of them is enough.
func (f fields) dayFits(wall time.Time) bool {
	day, weekday := has(f.day, wall.Day()), has(f.weekday, int(wall.Weekday()))
	if f.day&star != 0 || f.weekday&star != 0 {
		return day && weekday
	}
	return day || weekday
}

func has(bits uint64, n int) bool { return bits&(1<<n) != 0 }

// cut keeps an error short, whatever was written.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
