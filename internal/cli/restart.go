package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// restartPolicy says whether a command that has ended is started again. The zero value is
// "no".
type restartPolicy struct {
	on    restartOn
	limit int // how often at most; 0 is no limit
}

type restartOn string

const (
	restartNever   restartOn = ""
	restartFailure restartOn = "on-failure"
	restartAlways  restartOn = "always"
)

func (p restartPolicy) String() string {
	switch {
	case p.on == restartNever:
		return "no"
	case p.limit > 0:
		return fmt.Sprintf("%s:%d", p.on, p.limit)
	}
	return string(p.on)
}

// UnmarshalText reads what String returns.
func (p *restartPolicy) UnmarshalText(text []byte) error {
	name, limit, limited := strings.Cut(string(text), ":")
	switch parsed := (restartPolicy{on: restartOn(name)}); {
	case name == "no" && !limited:
		*p = restartPolicy{}
	case parsed.on == restartAlways && !limited, parsed.on == restartFailure && !limited:
		*p = parsed
	case parsed.on == restartFailure:
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 {
			return errors.New("the limit has to be a number from 1 on")
		}
		parsed.limit = n
		*p = parsed
	default:
		return errors.New("can be no, on-failure, on-failure:N or always")
	}
	return nil
}

// again reports whether a command is started again that has ended with a status, after so
// many restarts.
func (p restartPolicy) again(status, restarts int) bool {
	switch p.on {
	case restartAlways:
		return true
	case restartFailure:
		return status != 0 && (p.limit == 0 || restarts < p.limit)
	}
	return false
}

// A command that has run for so long is all right, and the next delay is the first again.
const steadyAfter = 10 * time.Second

// The delay before a restart doubles from the first to the last.
const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = time.Minute
)

// backoff is the delay after a number of ends in a row that came soon. It is a quarter
// longer or shorter by chance, so that those who fail together do not start together.
func backoff(inARow int) time.Duration {
	delay := lastDelay
	if doublings := max(inARow-1, 0); doublings < 16 {
		delay = min(firstDelay<<doublings, lastDelay)
	}
	return time.Duration(float64(delay) * (0.75 + rand.Float64()/2))
}
