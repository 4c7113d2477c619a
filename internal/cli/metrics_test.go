package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/procgroup/procgroup/control"
)

// exampleCollector tells of the examples, and then of an error.
type exampleCollector struct{ collector }

func (exampleCollector) Collect(metrics chan<- prometheus.Metric) {
	for i, info := range exampleInfos() {
		f := runMetrics{metrics, info}
		f.tellInfo()
		if i == 0 {
			f.tellStats(exampleSamples()[0].Stats)
		} else {
			f.tellStats(control.Stats{})
		}
	}
	metrics <- prometheus.NewInvalidMetric(descInfo, errors.New("some do not answer"))
}

func TestPrintMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(exampleCollector{})
	var out bytes.Buffer
	if err := printMetrics(&out, registry); err == nil || !strings.Contains(err.Error(), "some do not answer") {
		t.Errorf("the error is %v", err)
	}
	want := `procgroup_cpu_seconds_total{id="0123456789ab",mode="system",name="web"} 0.5
procgroup_cpu_seconds_total{id="0123456789ab",mode="user",name="web"} 1
procgroup_exit_status{id="abcdef012345",name=""} 1
procgroup_info{containment="cgroup",id="0123456789ab",name="web",state="running"} 1
procgroup_info{containment="reaper",id="ffffff012345",name="worker",state="restarting"} 1
procgroup_info{containment="session",id="abcdef012345",name="",state="exited"} 1
procgroup_memory_bytes{id="0123456789ab",name="web"} 3.145728e+06
procgroup_memory_peak_bytes{id="0123456789ab",name="web"} 1.073741824e+09
procgroup_paused{id="0123456789ab",name="web"} 0
procgroup_paused{id="ffffff012345",name="worker"} 0
procgroup_processes{id="0123456789ab",name="web"} 2
procgroup_read_bytes_total{id="0123456789ab",name="web"} 0
procgroup_ready{id="0123456789ab",name="web"} 1
procgroup_ready{id="ffffff012345",name="worker"} 0
procgroup_restarts_total{id="0123456789ab",name="web"} 0
procgroup_restarts_total{id="abcdef012345",name=""} 0
procgroup_restarts_total{id="ffffff012345",name="worker"} 0
procgroup_start_time_seconds{id="0123456789ab",name="web"} 1.79534862e+09
procgroup_threads{id="0123456789ab",name="web"} 7
procgroup_written_bytes_total{id="0123456789ab",name="web"} 4096
`
	if got := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(out.String(), ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestServeMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(exampleCollector{})
	ctx, cancel := context.WithCancel(t.Context())
	said, stderr := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveMetrics(ctx, stderr, "127.0.0.1:0", registry) }()
	line := make([]byte, 100)
	n, err := said.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	where := regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`).FindString(string(line[:n]))
	for path, want := range map[string]int{"": http.StatusOK, "/more": http.StatusNotFound} {
		answer, err := http.Get(where + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != want {
			t.Errorf("%s: %s, %v: %s", where+path, answer.Status, err, text)
		}
		if want == http.StatusOK && !strings.Contains(string(text), "\nprocgroup_threads{") {
			t.Errorf("the error has spoiled the rest: %s", text)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestCheckLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"localhost:0": true, "127.0.0.1:80": true, "127.8.9.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "example.org:80": false,
		"localhost": false, "80": false, "": false, "127.1:80": false,
	} {
		if err := checkLoopback(address); (err == nil) != want {
			t.Errorf("%q: the error is %v", address, err)
		}
	}
}
