package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/spf13/cobra"
)

func newMetrics() *cobra.Command {
	listen := ""
	verb := &cobra.Command{
		Use:   "metrics [flags]",
		Short: "Print figures of all groups for Prometheus",
		Long: `Metrics prints the figures of all groups of this user in the text format of Prometheus.
With --listen it serves them at /metrics, and asks the groups each time anew, until INT or
TERM ends it. What cannot be told of a group is absent.

Anybody on this machine can read what is served, so the address must at least be one that
nobody else reaches: localhost, 127.0.0.0/8 or ::1.`,
		Example: `  procgroup metrics --listen localhost:9177`,
		Args:    cobra.NoArgs,
		RunE: func(verb *cobra.Command, _ []string) error {
			figures := prometheus.NewRegistry()
			figures.MustRegister(collector{})
			if listen == "" {
				return failed(printMetrics(verb.OutOrStdout(), figures))
			}
			return failed(serveMetrics(verb.Context(), verb.ErrOrStderr(), listen, figures))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	verb.Flags().Var(&value{kind: "address", read: func(text string) error {
		listen = text
		return checkLoopback(text)
	}}, "listen", "serve them on the address `HOST:PORT`")
	return verb
}

// checkLoopback wants an address that only this machine reaches.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("must be HOST:PORT")
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Unmap().IsLoopback() {
		return errors.New("other machines might reach it; it must be localhost, in 127.0.0.0/8, or ::1")
	}
	return nil
}

// printMetrics prints what there is, even if there are errors.
func printMetrics(w io.Writer, figures prometheus.Gatherer) error {
	families, err := figures.Gather()
	errs := []error{err}
	for _, family := range families {
		_, err := expfmt.MetricFamilyToText(w, family)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Limits of the server for figures.
const (
	metricsReadLimit  = 10 * time.Second
	metricsWriteLimit = 30 * time.Second // a run may be silent for seconds before it is given up
	metricsEndLimit   = 3 * time.Second  // for scrapes under way when the end is asked for
)

func serveMetrics(ctx context.Context, stderr io.Writer, address string, figures prometheus.Gatherer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if where, ok := listener.Addr().(*net.TCPAddr); ok && !where.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("%s is not on this machine: %s", address, where), listener.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(figures, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	}))
	server := &http.Server{
		Handler:        mux,
		ReadTimeout:    metricsReadLimit,
		WriteTimeout:   metricsWriteLimit,
		IdleTimeout:    metricsWriteLimit,
		MaxHeaderBytes: 16 << 10,
	}
	fmt.Fprintf(stderr, "procgroup: serving http://%s/metrics\n", listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), metricsEndLimit)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		server.Close() // whoever still reads has had the time
	}
	return nil
}
