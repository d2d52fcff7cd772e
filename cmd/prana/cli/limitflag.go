package cli

import (
	"fmt"
	"strconv"
)

// maxPage is how much of a list a server gives at once.
const maxPage = 1000

// limitFlag is a flag for the length of a page; 0 = it is not given.
type limitFlag int

func (l *limitFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		return fmt.Errorf("it must be a number from 1 to %d", maxPage)
	}
	*l = limitFlag(n)
	return nil
}

func (l *limitFlag) String() string { return strconv.Itoa(int(*l)) }

func (l *limitFlag) Type() string { return "int" }
