package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/koonti/koonti/internal/content"
)

// metrics are what /metrics shows.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.HistogramVec
	queries     *prometheus.CounterVec
	records     prometheus.Gauge
	stale       prometheus.Gauge
	problems    prometheus.Gauge
	views       prometheus.Counter
	publishedAt prometheus.Gauge
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "koonti_http_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		queries:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koonti_graphql_requests_total", Help: "GraphQL requests by outcome."}, []string{"outcome"}),
		records:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "koonti_records", Help: "Records served."}),
		stale:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "koonti_records_stale", Help: "Records served from an older version, since their file is not valid."}),
		problems:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "koonti_problems", Help: "Problems of the content served."}),
		views:       prometheus.NewCounter(prometheus.CounterOpts{Name: "koonti_views_total", Help: "Views published since the start."}),
		publishedAt: prometheus.NewGauge(prometheus.GaugeOpts{Name: "koonti_view_published_timestamp_seconds", Help: "When the view served was published."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "koonti_build_info", Help: "The version running.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.queries, m.records, m.stale, m.problems, m.views, m.publishedAt, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds what is asked of the catalog when the metrics are read.
func (m *metrics) watch(c Catalog, subscriptions func() int) error {
	gauge := func(name, help string, holds func() bool) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if holds() {
				return 1
			}
			return 0
		})
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "koonti_subscriptions", Help: "Subscriptions that are open."}, func() float64 {
		return float64(subscriptions())
	})
	for _, collector := range []prometheus.Collector{
		open,
		gauge("koonti_held_back", "1 while changes are not served; /readyz says why.", func() bool { return !c.Status().HeldBack.IsZero() }),
		gauge("koonti_model_stale", "1 while an older model or schema is in use.", func() bool { return c.Current().ModelStale }),
		gauge("koonti_remote_failing", "1 while the remote does not answer.", func() bool { return c.Status().FetchError != "" }),
	} {
		if err := m.registry.Register(collector); err != nil {
			return fmt.Errorf("set up metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) published(view *content.View) {
	m.views.Inc()
	m.publishedAt.Set(float64(view.Published.UnixMilli()) / 1000)
	m.records.Set(float64(view.Snapshot.Count()))
	m.problems.Set(float64(len(view.Problems)))
	m.stale.Set(float64(len(staleRecords(view))))
}

// staleRecords are the records of the view that are served from an older version.
func staleRecords(view *content.View) []*content.Record {
	var stale []*content.Record
	for _, c := range view.Model.Collections {
		for r := range view.Snapshot.Set(c.Name).All() {
			if r.Stale {
				stale = append(stale, r)
			}
		}
	}
	return stale
}

// statuses maps what went wrong to what HTTP says of it; the first that matches
// counts. What is not here is an internal error, whose text never leaves.
var statuses = []struct {
	err    error
	status int
}{
	{content.ErrNotFound, http.StatusNotFound},
	{content.ErrForbidden, http.StatusForbidden},
	{content.ErrUnauthenticated, http.StatusUnauthorized},
	{content.ErrTooMany, http.StatusTooManyRequests},
	{content.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{content.ErrInvalid, http.StatusBadRequest},
	{content.ErrUnavailable, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
}

func statusOf(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// observed turns a handler that returns errors into one that answers them as JSON,
// counts and logs each request, and survives a panic.
func (s *Server) observed(route string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		out := &recorder{ResponseWriter: w}
		out.Header().Set("X-Content-Type-Options", "nosniff")
		err := safely(func() error { return serve(out, r) })
		if err != nil {
			s.answerError(out, r, err)
		}
		took := time.Since(started)
		s.metrics.requests.WithLabelValues(route, methodLabel(r.Method), strconv.Itoa(out.code())).Observe(took.Seconds())
		s.log.Info("request", "route", route, "method", r.Method, "status", out.code(), "bytes", out.bytes, "took", took)
	})
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return method
	}
	return "other"
}

func safely(serve func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return serve()
}

func (s *Server) answerError(w *recorder, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to hear it
	}
	status, text := statusOf(err), err.Error()
	if status == http.StatusInternalServerError {
		s.log.Error("request failed", "method", r.Method, "err", err)
		text = "something went wrong on our side; it has been logged"
	}
	for _, s := range statuses { // the sentinel is said by the status
		text = strings.TrimSuffix(text, ": "+s.err.Error())
	}
	if w.status != 0 {
		return // half an answer is under way already
	}
	w.Header().Del("ETag")
	writeJSON(w, status, map[string]string{"error": text})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	if status == http.StatusUnauthorized { // RFC 9110, 15.5.2, and RFC 6750, 3
		r.Header().Set("WWW-Authenticate", `Bearer realm="koonti"`)
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
