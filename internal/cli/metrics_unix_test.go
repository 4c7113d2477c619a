//go:build unix

package cli

import (
	"bufio"
	"net/http"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

// TestMetricsEnd serves figures until TERM comes.
func TestMetricsEnd(t *testing.T) {
	cmd := exec.Command("procgroup", "metrics", "--listen", "localhost:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	where := regexp.MustCompile(`^procgroup: serving (http://(?:127\.0\.0\.1|\[::1\]):\d+/metrics)\n$`).FindStringSubmatch(line)
	if where == nil {
		t.Fatalf("got the line %q", line)
	}
	answer, err := http.Get(where[1])
	if err != nil {
		t.Error(err)
	} else {
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("got %s", answer.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
