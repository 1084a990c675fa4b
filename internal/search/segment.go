package search

import (
	"fmt"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"
	zapsegment "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/vellum"
	zap "github.com/blevesearch/zapx/v17"

	"github.com/koonti/koonti/internal/content"
)

// segment is documents that were indexed together. It never changes.
type segment struct {
	zap  zapsegment.Segment
	path string   // "" where it is in memory
	keys []docKey // by document number

	mu           sync.Mutex        // guards vocabularies
	vocabularies map[string]string // by field; see vocabulary
}

func newSegment(z zapsegment.Segment, path string) (*segment, error) {
	s := &segment{zap: z, path: path, keys: make([]docKey, z.Count()), vocabularies: map[string]string{}}
	for i := range s.keys {
		id, err := z.DocID(uint64(i))
		if err != nil || len(id) != len(docKey{}) {
			return nil, fmt.Errorf("document %d has the id %x: %w", i, id, errDamaged)
		}
		s.keys[i] = docKey(id)
	}
	return s, nil
}

func (s *segment) acquire() { s.zap.AddRef() }

// release gives s up; the last one to do so closes its file.
func (s *segment) release() { _ = s.zap.DecRef() }

// vocabulary returns all terms of a field, each between two newlines, which no term
// holds: any run of letters of any word is then found by one scan, for which storing
// the n-grams of each word would cost several times the index itself.
func (s *segment) vocabulary(field string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.vocabularies[field]; ok {
		return v, nil
	}
	dictionary, err := s.zap.Dictionary(field)
	if err != nil {
		return "", fmt.Errorf("open dictionary %s: %w", field, err)
	}
	var b strings.Builder
	b.WriteByte('\n')
	terms := dictionary.AutomatonIterator(&vellum.AlwaysMatch{}, nil, nil)
	for {
		entry, err := terms.Next()
		if err != nil {
			return "", fmt.Errorf("read dictionary %s: %w", field, err)
		}
		if entry == nil {
			break
		}
		b.WriteString(entry.Term)
		b.WriteByte('\n')
	}
	s.vocabularies[field] = b.String()
	return b.String(), nil
}

// postings reads one field of a segment. It is for one goroutine.
type postings struct {
	dictionary zapsegment.TermDictionary
	list       zapsegment.PostingsList
	iterator   zapsegment.PostingsIterator
}

func (s *segment) postings(field string) (*postings, error) {
	dictionary, err := s.zap.Dictionary(field)
	if err != nil {
		return nil, fmt.Errorf("open dictionary %s: %w", field, err)
	}
	return &postings{dictionary: dictionary}, nil
}

// visit tells each document that holds term, how often, and its norm (see weight).
func (p *postings) visit(term string, f func(doc uint64, frequency, norm float64)) error {
	var err error
	if p.list, err = p.dictionary.PostingsList([]byte(term), nil, p.list); err != nil {
		return fmt.Errorf("read postings: %w", err)
	}
	p.iterator = p.list.Iterator(true, true, false, p.iterator)
	for {
		posting, err := p.iterator.Next()
		if err != nil {
			return fmt.Errorf("read postings: %w", err)
		}
		if posting == nil {
			return nil
		}
		f(posting.Number(), float64(posting.Frequency()), posting.Norm())
	}
}

// builder makes documents of records. It is for one batch: stems are worked out once
// per word of it.
type builder struct {
	stems map[*analyser]map[string]string
	docs  []index.Document
}

func (b *builder) stem(a *analyser, word string) string {
	known := b.stems[a]
	if known == nil {
		known = map[string]string{}
		if b.stems == nil {
			b.stems = map[*analyser]map[string]string{}
		}
		b.stems[a] = known
	}
	stem, ok := known[word]
	if !ok {
		stem = a.stem(word)
		known[word] = stem
	}
	return stem
}

// ready is a token stream that has been analysed already.
type ready analysis.TokenStream

func (r ready) Analyze([]byte) analysis.TokenStream { return analysis.TokenStream(r) }

func (b *builder) add(p *plan, key docKey, d *content.Document) {
	var words [classes]ready
	stems := make([][classes]ready, len(p.buckets))
	for _, t := range p.texts(d.Root) {
		for _, tok := range tokens(t.text) {
			words[t.class] = append(words[t.class], &analysis.Token{Term: []byte(tok.word)})
			if stem := b.stem(p.buckets[t.bucket].analyser, tok.word); stem != "" {
				stems[t.bucket][t.class] = append(stems[t.bucket][t.class], &analysis.Token{Term: []byte(stem)})
			}
		}
	}
	doc := document.NewDocument(string(key[:]))
	doc.AddIDField()
	for c := range classes {
		addField(doc, c.wordField(), words[c])
		for i := range p.buckets {
			addField(doc, p.buckets[i].fields[c], stems[i][c])
		}
	}
	b.docs = append(b.docs, doc)
}

func addField(doc *document.Document, name string, tokens ready) {
	if len(tokens) == 0 {
		return
	}
	doc.AddField(document.NewTextFieldCustom(name, nil, nil, index.IndexField, tokens))
}

// build makes a segment in memory of what was added.
func (b *builder) build() (zapsegment.UnpersistedSegment, error) {
	for _, d := range b.docs {
		d.VisitFields(func(f index.Field) { f.Analyze() })
	}
	made, _, err := new(zap.ZapPlugin).New(b.docs)
	if err != nil {
		return nil, fmt.Errorf("build search segment: %w", err)
	}
	return made.(zapsegment.UnpersistedSegment), nil
}
