package cli

import "time"

// stopwatch is a timer that can stand still. The zero value never rings.
type stopwatch struct {
	timer  *time.Timer
	length time.Duration // as it was started
	left   time.Duration // when it last began to run
	since  time.Time     // when that was; zero while it stands still
}

// start makes it ring after d.
func (s *stopwatch) start(d time.Duration) {
	s.stop()
	s.timer = time.NewTimer(d)
	s.length, s.left, s.since = d, d, time.Now()
}

// rings returns the channel on which it rings once.
func (s *stopwatch) rings() <-chan time.Time {
	if s.timer == nil {
		return nil
	}
	return s.timer.C
}

// hold makes it stand still, until run.
func (s *stopwatch) hold() {
	if s.timer == nil || s.since.IsZero() {
		return
	}
	if s.timer.Stop() {
		s.left -= time.Since(s.since)
		s.since = time.Time{}
	}
}

func (s *stopwatch) run() {
	if s.timer == nil || !s.since.IsZero() {
		return
	}
	s.timer.Reset(max(s.left, 0))
	s.since = time.Now()
}

func (s *stopwatch) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
