package cli

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/search"
)

// searcher lets GraphQL search the index.
type searcher struct{ index *search.Index }

// Search implements graphql.Searcher.
func (s searcher) Search(ctx context.Context, view *content.View, q graphql.SearchQuery) ([]graphql.SearchHit, error) {
	hits, err := s.index.Search(ctx, view, search.Query{Text: q.Text, Language: q.Language, Collections: q.Collections})
	out := make([]graphql.SearchHit, len(hits))
	for i, hit := range hits {
		out[i] = graphql.SearchHit{Record: hit.Record, Score: hit.Score}
	}
	return out, err
}

// Highlights implements graphql.Searcher.
func (s searcher) Highlights(ctx context.Context, view *content.View, r *content.Record, q graphql.SearchQuery) ([]graphql.Highlight, error) {
	found, err := s.index.Highlights(ctx, view, r, search.Query{Text: q.Text, Language: q.Language, Collections: q.Collections})
	out := make([]graphql.Highlight, len(found))
	for i, h := range found {
		out[i] = graphql.Highlight{Field: h.Field, Language: h.Language}
		for _, part := range h.Parts {
			out[i].Parts = append(out[i].Parts, graphql.HighlightPart{Text: part.Text, Match: part.Match})
		}
	}
	return out, err
}

// openIndex opens the search index of a repository in cache, or where the
// repository keeps its caches; in memory where there is no such place.
func openIndex(repo *gitrepo.Repo, cache string, log *slog.Logger) (*search.Index, error) {
	if cache == "" {
		cache = repo.CacheDir()
	}
	if cache != "" {
		cache = filepath.Join(cache, "search")
	}
	return search.Open(search.Config{Dir: cache, Logger: log})
}

// indexer brings each new view into the index, while it is being served.
type indexer struct {
	index  *search.Index
	newest chan *content.View
	log    *slog.Logger
}

func newIndexer(index *search.Index, log *slog.Logger) *indexer {
	return &indexer{index, make(chan *content.View, 1), log}
}

// published takes note of a view; it never blocks, and has one caller at a time.
func (i *indexer) published(view *content.View) {
	select {
	case <-i.newest:
	default:
	}
	i.newest <- view
}

// run indexes until ctx ends, and then returns nil.
func (i *indexer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case view := <-i.newest:
			if err := i.index.Ensure(ctx, view); err != nil && ctx.Err() == nil {
				i.log.Error("search index is behind", "commit", string(view.Commit), "err", err)
			}
		}
	}
}
