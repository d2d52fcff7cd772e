package cron

import (
	"strings"
	"testing"
	"time"

	"prana/engine/fuzztest"
)

// ticks compares the ticks after an instant with a table that was computed by
// hand: local times with their offsets, as clocks and calendars show them.
func ticks(t *testing.T, pattern, zone, after string, want ...string) {
	t.Helper()
	s, err := Parse(pattern, zone)
	if err != nil {
		t.Fatal(err)
	}
	at := instantOf(t, after)
	for i, w := range want {
		at = s.Next(at)
		if got := at.Format(time.RFC3339); got != w {
			t.Fatalf("tick %d of %q in %s after %s is %s, want %s", i+1, pattern, zone, after, got, w)
		}
	}
}

func instantOf(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPatternsInUTC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, want string }{ // from Monday, 23 November 2026, 10:07:30
		{"* * * * *", "2026-11-23T10:08:00Z 2026-11-23T10:09:00Z"},
		{"*/5 * * * *", "2026-11-23T10:10:00Z 2026-11-23T10:15:00Z"},
		{"7 10 * * *", "2026-11-24T10:07:00Z"},
		{"0 9 * * MON-FRI", "2026-11-24T09:00:00Z 2026-11-25T09:00:00Z 2026-11-26T09:00:00Z 2026-11-27T09:00:00Z 2026-11-30T09:00:00Z"},
		{"0 9 * * 0", "2026-11-29T09:00:00Z 2026-12-06T09:00:00Z"},
		{"0 9 * * 7", "2026-11-29T09:00:00Z 2026-12-06T09:00:00Z"},
		{"0 9 * * sun", "2026-11-29T09:00:00Z 2026-12-06T09:00:00Z"},
		{"0 9 * * 5-7", "2026-11-27T09:00:00Z 2026-11-28T09:00:00Z 2026-11-29T09:00:00Z 2026-12-04T09:00:00Z"},
		{"0 9 * * FRI-SUN", "2026-11-27T09:00:00Z 2026-11-28T09:00:00Z 2026-11-29T09:00:00Z 2026-12-04T09:00:00Z"},
		{"0 9 * * 3-7/2", "2026-11-25T09:00:00Z 2026-11-27T09:00:00Z 2026-11-29T09:00:00Z 2026-12-02T09:00:00Z"},
		{"0 9 * * 2,7", "2026-11-24T09:00:00Z 2026-11-29T09:00:00Z 2026-12-01T09:00:00Z"},
		{"0 9 * * 0-7", "2026-11-24T09:00:00Z 2026-11-25T09:00:00Z"},
		{"15,45 8-10/2 1 JAN,jul *", "2027-01-01T08:15:00Z 2027-01-01T08:45:00Z 2027-01-01T10:15:00Z 2027-01-01T10:45:00Z 2027-07-01T08:15:00Z"},
		{"0 0 13 * FRI", "2026-11-27T00:00:00Z 2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z"}, // either day is enough
		{"0 0 31 * *", "2026-12-31T00:00:00Z 2027-01-31T00:00:00Z 2027-03-31T00:00:00Z"},
		{"0 0 29 2 *", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"@hourly", "2026-11-23T11:00:00Z 2026-11-23T12:00:00Z"},
		{"@daily", "2026-11-24T00:00:00Z"},
		{"@weekly", "2026-11-29T00:00:00Z"},
		{"@monthly", "2026-12-01T00:00:00Z"},
		{"@yearly", "2027-01-01T00:00:00Z"},
	} {
		ticks(t, c.pattern, "UTC", "2026-11-23T10:07:30Z", strings.Fields(c.want)...)
	}
	ticks(t, "0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z")  // 2100 is no leap year
	ticks(t, "30 10 * * *", "UTC", "2026-11-23T10:30:00Z", "2026-11-24T10:30:00Z") // after, not at
}

// TestBerlin: on 29 March 2026 clocks go from 02:00 (+01) to 03:00 (+02), on 25 October from 03:00 (+02) to 02:00 (+01).
func TestBerlin(t *testing.T) {
	t.Parallel()
	const zone = "Europe/Berlin"
	ticks(t, "30 2 * * *", zone, "2026-03-28T00:00:00+01:00",
		"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00")
	ticks(t, "30 2 * * *", zone, "2026-10-24T00:00:00+02:00",
		"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00")
	ticks(t, "*/20 2 * * *", zone, "2026-03-28T02:35:00+01:00", // three times of one gap: one tick
		"2026-03-28T02:40:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00")
	ticks(t, "0 2,3 * * *", zone, "2026-03-29T00:00:00+01:00", // the end of the gap is a tick of its own: still one
		"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00")
	ticks(t, "*/20 2 * * *", zone, "2026-10-25T00:00:00+02:00",
		"2026-10-25T02:00:00+02:00", "2026-10-25T02:20:00+02:00", "2026-10-25T02:40:00+02:00", "2026-10-26T02:00:00+01:00")
	ticks(t, "30 2 * * *", zone, "2026-10-25T02:10:00+01:00", "2026-10-26T02:30:00+01:00") // asked within the second 02:xx
	ticks(t, "*/30 * * * *", zone, "2026-03-29T01:10:00+01:00",
		"2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00")
	ticks(t, "*/30 * * * *", zone, "2026-10-25T01:30:00+02:00",
		"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00")
	ticks(t, "15 * * * *", zone, "2026-03-29T00:20:00+01:00",
		"2026-03-29T01:15:00+01:00", "2026-03-29T03:15:00+02:00", "2026-03-29T04:15:00+02:00")
	ticks(t, "0 9 * * *", zone, "2026-03-28T12:00:00Z", "2026-03-29T09:00:00+02:00")
}

// TestNewYork: on 8 March 2026 clocks go from 02:00 (-05) to 03:00 (-04), on 1 November from 02:00 (-04) to 01:00 (-05).
func TestNewYork(t *testing.T) {
	t.Parallel()
	const zone = "America/New_York"
	ticks(t, "15 2 * * SUN", zone, "2026-03-01T03:00:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-15T02:15:00-04:00")
	ticks(t, "30 1 * * *", zone, "2026-10-31T12:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00")
	ticks(t, "0 0 1 11 *", zone, "2026-10-31T12:00:00-04:00", "2026-11-01T00:00:00-04:00", "2027-11-01T00:00:00-04:00")
	ticks(t, "*/15 * * * *", zone, "2026-11-01T01:40:00-04:00",
		"2026-11-01T01:45:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:15:00-05:00")
	ticks(t, "@hourly", zone, "2026-03-08T00:30:00-05:00",
		"2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00")
}

// TestLordHowe: on 5 April 2026 clocks go from 02:00 (+11) to 01:30 (+10:30), on 4 October from 02:00 (+10:30) to 02:30 (+11).
func TestLordHowe(t *testing.T) {
	t.Parallel()
	const zone = "Australia/Lord_Howe"
	ticks(t, "45 1 * * *", zone, "2026-04-04T12:00:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30")
	ticks(t, "15 2 * * *", zone, "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00")
	ticks(t, "0,30,45 2 * * *", zone, "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00", "2026-10-05T02:00:00+11:00")
	ticks(t, "*/10 * * * *", zone, "2026-04-05T01:45:00+11:00",
		"2026-04-05T01:50:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T01:40:00+10:30")
	ticks(t, "*/10 * * * *", zone, "2026-10-04T01:45:00+10:30",
		"2026-10-04T01:50:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:40:00+11:00")
	ticks(t, "0 * * * *", zone, "2026-10-04T00:30:00+10:30", "2026-10-04T01:00:00+10:30", "2026-10-04T03:00:00+11:00")
}

// TestAWholeDayIsSkipped: Samoa had no 30 December 2011.
func TestAWholeDayIsSkipped(t *testing.T) {
	t.Parallel()
	ticks(t, "0 12 30 12 *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-12-30T12:00:00+14:00")
}

// TestEveryRealMinute: across both changes of a year, */5 ticks every five real minutes.
func TestEveryRealMinute(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		s, err := Parse("*/5 * * * *", zone)
		if err != nil {
			t.Fatal(err)
		}
		for at, end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(end); {
			next := s.Next(at)
			if next.Sub(at) != 5*time.Minute {
				t.Fatalf("%s: after %s comes %s", zone, at, next)
			}
			at = next
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"":                                      "is no cron pattern",
		"* * * *":                               "expected exactly 5 fields, found 4",
		"0 * * * * *":                           "expected exactly 5 fields, found 6",
		"60 * * * *":                            "above maximum",
		"* * * * 8":                             "above maximum",
		"*/0 * * * *":                           "positive",
		"5-1 * * * *":                           "beyond end",
		"1,,2 * * * *":                          "empty place",
		", * * * *":                             "empty place",
		"* * * * ,":                             "empty place",
		"* * * foo *":                           "is no cron pattern",
		"* * * * x-7":                           "is no cron pattern",
		"0 0 30 2 *":                            "never due",
		"0 0 31 4,6,9,11 *":                     "never due",
		"CRON_TZ=Europe/Berlin * * * * *":       "a parameter of its own",
		"TZ=":                                   "a parameter of its own",
		"@every 5m":                             "as steps",
		"@reboot":                               "is no cron pattern",
		strings.Repeat("1,", 300) + "1 * * * *": "at most 512",
	} {
		if err := CheckPattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", pattern, err, want)
		}
	}
	for _, zone := range []string{"", "Local", "Mars/Olympus", "../etc/passwd", "CET+1"} {
		if _, err := Parse("* * * * *", zone); err == nil {
			t.Errorf("the zone %q is accepted", zone)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0 9 * * 1-7/2", "Europe/Berlin")
	for _, pattern := range []string{"@daily", "*/5 * * * *", "0 0 29 2 *", "0 0 31 2 *", "0 0 30 2 1", "TZ=UTC * * * * *", "0 0 1 JAN-DEC MON,SUN", "60 24 32 13 8", "@every 1s"} {
		f.Add(pattern, "Pacific/Apia")
	}
	f.Fuzz(func(t *testing.T, pattern, zone string) {
		fuzztest.Cheap(t, func() {
			s, err := Parse(pattern, zone)
			if err != nil {
				return
			}
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for range 20 {
				next := s.Next(at)
				if !next.After(at) {
					t.Fatalf("%q in %q: after %s comes %s", pattern, zone, at, next)
				}
				at = next
			}
		})
	})
}

func TestNewest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, after, until string
		n                     int
		want                  string
	}{
		{"0 9 * * *", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00Z", 10, "2026-11-21T09:00:00Z 2026-11-22T09:00:00Z 2026-11-23T09:00:00Z"},
		{"0 9 * * *", "2026-11-20T09:00:00Z", "2026-11-23T08:59:59Z", 2, "2026-11-21T09:00:00Z 2026-11-22T09:00:00Z"},
		{"0 9 * * *", "2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", 2, ""},
		{"0 9 * * *", "2026-11-20T09:00:00Z", "2026-11-19T09:00:00Z", 2, ""}, // a clock that went back
		{"* * * * *", "1990-01-01T00:00:00Z", "2026-11-23T09:00:30Z", 3, "2026-11-23T08:58:00Z 2026-11-23T08:59:00Z 2026-11-23T09:00:00Z"},
		{"0 0 29 2 *", "1970-01-01T00:00:00Z", "2026-11-23T09:00:30Z", 2, "2020-02-29T00:00:00Z 2024-02-29T00:00:00Z"},
	} {
		s, err := Parse(c.pattern, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range s.Newest(instantOf(t, c.after), instantOf(t, c.until), c.n) {
			got = append(got, at.Format(time.RFC3339))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("the newest %d of %q from %s to %s are %s, want %s", c.n, c.pattern, c.after, c.until, got, c.want)
		}
	}
}
