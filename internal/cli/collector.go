package cli

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// collectLimit is how long the runs may take altogether to answer a scrape.
const collectLimit = 10 * time.Second

// collector is a [prometheus.Collector] that asks all runs of the user each time.
type collector struct{}

var _ prometheus.Collector = collector{}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("procgroup_"+name, help, append([]string{"id", "name"}, labels...), nil)
}

// What is told of a run. Names and units are those that Prometheus recommends.
var (
	descInfo      = newDesc("info", "A group of this user; always 1.", "containment", "state")
	descReady     = newDesc("ready", "Whether the group is ready, if it waits for that.")
	descPaused    = newDesc("paused", "Whether the group is paused.")
	descRestarts  = newDesc("restarts_total", "How often the command was started again.")
	descStart     = newDesc("start_time_seconds", "When the command was last started, in seconds since 1970.")
	descExit      = newDesc("exit_status", "The exit status of a group that has ended.")
	descCPU       = newDesc("cpu_seconds_total", "CPU time that the group has used.", "mode")
	descMemory    = newDesc("memory_bytes", "Memory that the group uses.")
	descPeak      = newDesc("memory_peak_bytes", "The most memory that the group has used at one time.")
	descProcesses = newDesc("processes", "Processes of the group.")
	descThreads   = newDesc("threads", "Threads of the group.")
	descRead      = newDesc("read_bytes_total", "What the group has read from block devices; on Windows, from anything.")
	descWritten   = newDesc("written_bytes_total", "What the group has written to block devices; on Windows, to anything.")
)

// Describe implements [prometheus.Collector].
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descInfo, descReady, descPaused, descRestarts, descStart, descExit, descCPU, descMemory,
		descPeak, descProcesses, descThreads, descRead, descWritten,
	} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]. A run that does not answer keeps nothing back but
// its own figures.
func (collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectLimit)
	defer cancel()
	infos, err := control.List(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(descInfo, err)
	}
	var asking sync.WaitGroup
	for _, info := range infos {
		f := runMetrics{metrics, info}
		f.tellInfo()
		if !info.State.Live() || info.State == control.Silent {
			continue
		}
		asking.Go(func() {
			run := control.Dial(info.Socket)
			defer run.Close()
			if stats, err := run.Stats(ctx); err == nil {
				f.tellStats(stats)
			}
		})
	}
	asking.Wait()
}

// runMetrics are those of one run.
type runMetrics struct {
	metrics chan<- prometheus.Metric
	info    control.Info
}

func (f runMetrics) tell(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	labels = append([]string{f.info.ID, f.info.Name}, labels...)
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err) // what a run says of itself may be no UTF-8
	}
	f.metrics <- m
}

func (f runMetrics) tellInfo() {
	info := f.info
	f.tell(descInfo, prometheus.GaugeValue, 1, info.Containment.String(), string(info.State))
	f.tell(descRestarts, prometheus.CounterValue, float64(info.Restarts))
	if !info.Started.IsZero() {
		f.tell(descStart, prometheus.GaugeValue, float64(info.Started.UnixMilli())/1000)
	}
	if info.State.Live() {
		f.tell(descPaused, prometheus.GaugeValue, oneIf(info.State == control.Paused))
		if info.Ready.Valid {
			f.tell(descReady, prometheus.GaugeValue, oneIf(info.Ready.V))
		}
	}
	if info.State == control.Exited && info.Exit != nil {
		f.tell(descExit, prometheus.GaugeValue, float64(info.Exit.Status))
	}
}

func (f runMetrics) tellStats(s control.Stats) {
	if s.User.Valid {
		f.tell(descCPU, prometheus.CounterValue, s.User.V.Seconds(), "user")
	}
	if s.System.Valid {
		f.tell(descCPU, prometheus.CounterValue, s.System.V.Seconds(), "system")
	}
	tellFigure(f, descMemory, prometheus.GaugeValue, s.Memory)
	tellFigure(f, descPeak, prometheus.GaugeValue, s.MemoryPeak)
	tellFigure(f, descProcesses, prometheus.GaugeValue, s.Processes)
	tellFigure(f, descThreads, prometheus.GaugeValue, s.Threads)
	tellFigure(f, descRead, prometheus.CounterValue, s.ReadBytes)
	tellFigure(f, descWritten, prometheus.CounterValue, s.WriteBytes)
}

func tellFigure[T int | uint64](f runMetrics, d *prometheus.Desc, kind prometheus.ValueType, o procgroup.Optional[T]) {
	if o.Valid {
		f.tell(d, kind, float64(o.V))
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
