package cli

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStopwatchStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var s stopwatch
		s.start(time.Minute)
		time.Sleep(20 * time.Second)
		s.hold()
		s.hold()
		time.Sleep(time.Hour)
		s.run()
		s.run()
		<-s.rings()
		if got, want := time.Since(begin), time.Hour+time.Minute; got != want {
			t.Errorf("rang after %v, want %v", got, want)
		}
		s.hold()
		s.run()
		synctest.Wait()
		select {
		case <-s.rings():
			t.Error("rang twice")
		default:
		}
	})
}

func TestStopwatchNotStarted(t *testing.T) {
	var s stopwatch
	s.hold()
	s.run()
	s.stop()
	if s.rings() != nil {
		t.Error("it may ring")
	}
}
