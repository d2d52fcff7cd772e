package cli

import (
	"fmt"
	"strconv"
)

// longestPage is the most that a list gives at once.
const longestPage = 1000

// limitFlag is a flag for the length of a page; 0 = it is not given.
type limitFlag int

func (l *limitFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > longestPage {
		return fmt.Errorf("it must be a number from 1 to %d", longestPage)
	}
	*l = limitFlag(n)
	return nil
}

func (l *limitFlag) String() string { return strconv.Itoa(int(*l)) }

func (l *limitFlag) Type() string { return "int" }
