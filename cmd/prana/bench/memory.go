package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memoryOf reads a field of a process's status that Linux gives, such as VmRSS, in MiB; 0 where there is none.
func memoryOf(pid int, field string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.Atoi(strings.Fields(value)[0]) // a number, as Linux writes it
			return decimals(float64(kib)/1024, 1)
		}
	}
	return 0
}
