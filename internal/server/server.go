// Package server assembles what Koonti answers over HTTP: GraphQL, raw records,
// attachments, health, readiness and metrics. It decides nothing about content.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
)

// Catalog is what is served. *catalog.Catalog is the one implementation.
type Catalog interface {
	Current() *content.View
	At(ctx context.Context, revision string) (*content.View, error)
	Own(ctx context.Context, commit content.Hash) (*content.View, error)
	PublishedAt(ctx context.Context, revision string) (*content.View, error)
	Read(ctx context.Context, f content.File) ([]byte, error)
	Ready(ctx context.Context) error
	Status() catalog.Status
}

// Config of a server; Catalog is set with Serve or Handler. Fields that are zero have
// the documented default.
type Config struct {
	// GraphQL bounds what a query may cost, and has the history that the feeds tell.
	GraphQL graphql.Config
	// Access says who asks; nil: everyone is nobody.
	Access *access.Resolver
	// WriteEvery and WriteBurst bound what one actor writes: 20 times at once, then once a
	// second.
	WriteEvery time.Duration
	WriteBurst int
	// Logger takes one line per request and what fails; nil drops it.
	Logger *slog.Logger
	// Version is shown in the Server header and in the metrics.
	Version string
	// ForgeHook takes what a forge says that happened, at /hooks/forge; nil has no such
	// address. It checks who sends it.
	ForgeHook http.Handler
	// Subscriptions is how many may be open at once: 200.
	Subscriptions int
	// KeepAlive is how often a subscriber to whom nothing is sent hears that the
	// connection lives: 15 s. Patience is how long one may take to read what is sent
	// before it is dropped: 15 s. GiveUp is how long one waits while the history cannot
	// be read, before it is told so: 1 min.
	KeepAlive, Patience, GiveUp time.Duration
}

// Server answers requests. Make it with New, so that Prepare and Published can be given
// to the catalog, then call Handler.
type Server struct {
	cfg     Config
	log     *slog.Logger
	schemas *lru.Cache[string, *graphql.Schema]
	answers *lru.Cache[answerKey, *answer]
	queries *lru.Cache[string, string] // persisted, by SHA-256 in hexadecimal
	metrics *metrics
	// writes bounds what one actor writes, large how many large requests there are at once.
	writes *access.Throttle[string]
	large  chan struct{}
	// audience are the subscribers.
	audience audience
}

// Models and answers that are kept ready.
const (
	keptSchemas = 8
	keptAnswers = 1024
	// largestKept is the largest answer kept, in bytes.
	largestKept = 64 << 10
)

// New makes a server that has no catalog yet.
func New(cfg Config) *Server {
	cfg.Subscriptions = cmp.Or(cfg.Subscriptions, defaultSubscriptions)
	cfg.KeepAlive, cfg.Patience = cmp.Or(cfg.KeepAlive, defaultKeepAlive), cmp.Or(cfg.Patience, defaultPatience)
	cfg.GiveUp = cmp.Or(cfg.GiveUp, defaultGiveUp)
	cfg.WriteEvery, cfg.WriteBurst = cmp.Or(cfg.WriteEvery, defaultWriteEvery), cmp.Or(cfg.WriteBurst, defaultWriteBurst)
	s := &Server{cfg: cfg, large: make(chan struct{}, largeAtOnce), writes: access.NewThrottle[string](cfg.WriteEvery, cfg.WriteBurst), log: cfg.Logger, metrics: newMetrics(cfg.Version)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.cfg.GraphQL.OnInternal = func(err error) { s.log.Error("query failed", "err", err) }
	s.schemas, _ = lru.New[string, *graphql.Schema](keptSchemas)
	s.answers, _ = lru.New[answerKey, *answer](keptAnswers)
	s.queries, _ = lru.New[string, string](keptPersisted)
	return s
}

// Prepare makes the types of a view before it is served, so that no request waits
// for them. It is meant for catalog.Config.
func (s *Server) Prepare(view *content.View) {
	if _, err := s.schema(view.Model); err != nil {
		s.log.Error("types of the model cannot be made", "err", err)
	}
	s.metrics.published(view)
}

// schema returns the GraphQL types of a model, which are made once.
func (s *Server) schema(m *content.Model) (*graphql.Schema, error) {
	if schema, ok := s.schemas.Get(m.Key); ok {
		return schema, nil
	}
	schema, err := graphql.NewSchema(m, s.cfg.GraphQL)
	if err != nil {
		return nil, fmt.Errorf("make the types of model %s: %w", m.Key, err)
	}
	s.schemas.Add(m.Key, schema)
	return schema, nil
}

// Handler returns all routes over c; it is called once.
func (s *Server) Handler(c Catalog) (http.Handler, error) {
	h := &handler{server: s, catalog: c}
	if err := s.metrics.watch(c, s.audience.size); err != nil {
		return nil, err
	}
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1024))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	mux := http.NewServeMux()
	handle := func(pattern, route string, serve func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, s.observed(route, serve))
	}
	handle("/graphql", "graphql", s.asked(h.graphql))
	handle("GET /schema.graphql", "schema", s.identified(h.sdl))
	handle("GET /records/{collection}/{file}", "record", s.identified(h.record))
	handle("GET /feeds/{file}", "feed", s.identified(h.feed))
	handle("GET /healthz", "healthz", h.healthz)
	handle("GET /readyz", "readyz", h.readyz)
	handle("GET /{$}", "index", s.asked(h.index))
	if s.cfg.ForgeHook != nil {
		mux.Handle("POST /hooks/forge", s.cfg.ForgeHook)
	}
	mux.Handle("GET /metrics", s.metrics.handler())
	handle("/", "none", func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("there is nothing at this address; begin at /: %w", content.ErrNotFound)
	})
	compressed := compress(mux)
	outer := http.NewServeMux()
	outer.Handle("/", compressed)
	outer.Handle("/graphql", split(s.observed("events", s.asked(h.events)), compressed))
	// Attachments are compressed as they are, and served in ranges.
	outer.Handle("GET /files/{path...}", s.observed("file", s.identified(h.file)))
	return openReading.Handler(outer), nil
}

// openReading lets scripts of any origin read (Fetch standard, CORS protocol). They are
// nobody unless they carry a token: whom the browser would speak for by itself is not
// asked from another origin (see access.Identity).
var openReading = cors.New(cors.Options{
	AllowedOrigins: []string{"*"},
	AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
	AllowedHeaders: []string{"*"},
	ExposedHeaders: []string{"ETag", "Retry-After", "WWW-Authenticate"},
	MaxAge:         int((24 * time.Hour).Seconds()),
})

// handler answers over one catalog.
type handler struct {
	server  *Server
	catalog Catalog
}

// Limits of the HTTP server itself.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 10 * time.Second
	maxHeader     = 64 << 10
)

// Serve answers on listener until ctx ends, lets running requests finish, and then
// returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(s.audience.close)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}
