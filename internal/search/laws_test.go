package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// library is every record of a view, read.
type library struct {
	plans    []*plan
	readings []*reading
}

func readAll(t testing.TB, v *content.View) *library {
	t.Helper()
	l := &library{plans: testAnalysers(t).plans(v.Model)}
	for _, p := range l.plans {
		for r := range v.Snapshot.Set(p.collection.Name).All() {
			l.readings = append(l.readings, read(p, r))
		}
	}
	return l
}

// hits answers a query by going through every record, with no index at all.
func (l *library) hits(t testing.TB, q Query) []Hit {
	t.Helper()
	words, err := parse(q.Text, l.plans[0].buckets)
	if err != nil {
		t.Fatal(err)
	}
	sums, counts, most := map[*reading]float64{}, map[*reading]int{}, 0
	for i := range words {
		for _, fuzzy := range []bool{false, true} {
			found := false
			for _, r := range l.readings {
				if len(q.Collections) > 0 && !slices.Contains(q.Collections, r.record.Collection) {
					continue
				}
				if score := r.score(&words[i], q, fuzzy); score > 0 {
					sums[r] += score
					counts[r]++
					most = max(most, counts[r])
					found = true
				}
			}
			if found {
				break
			}
		}
	}
	var hits []Hit
	for _, r := range l.readings {
		if most > 0 && counts[r] == most {
			hits = append(hits, Hit{r.record, sums[r]})
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits
}

// reading is a record's words, and the stems of each bucket, by class.
type reading struct {
	record *content.Record
	plan   *plan
	terms  [classes][]string
	stems  [][classes][]string
}

func read(p *plan, r *content.Record) *reading {
	out := &reading{record: r, plan: p, stems: make([][classes][]string, len(p.buckets))}
	for _, x := range p.texts(r.Root) {
		for _, tok := range tokens(x.text) {
			out.terms[x.class] = append(out.terms[x.class], tok.word)
			if stem := p.buckets[x.bucket].analyser.stem(tok.word); stem != "" {
				out.stems[x.bucket][x.class] = append(out.stems[x.bucket][x.class], stem)
			}
		}
	}
	return out
}

func (r *reading) score(w *word, q Query, fuzzy bool) float64 {
	best, same := 0.0, 0.0
	offer := func(list []string, c class, own bool, level func(string) float64) {
		frequency := map[string]float64{}
		for _, s := range list {
			frequency[s]++
		}
		for s, n := range frequency {
			if l := level(s); l > 0 {
				best = max(best, weight(l, c, own, n, float64(float32(1/math.Sqrt(float64(len(list)))))))
			}
		}
	}
	for c := range classes {
		offer(r.terms[c], c, false, func(s string) float64 { return w.ofTerm(s, fuzzy) })
		if !fuzzy && slices.Contains(r.terms[c], w.text) {
			same = verbatim
		}
		for i, b := range r.plan.buckets {
			own := q.Language == "" || b.language == "" || b.language == q.Language
			offer(r.stems[i][c], c, own, func(s string) float64 { return w.ofStem(s, i, fuzzy) })
		}
	}
	return best + same
}

func (w *word) ofTerm(s string, fuzzy bool) float64 {
	switch {
	case fuzzy && w.misspelt() && near(s, w.text):
		return levelFuzzy
	case fuzzy:
		return 0
	case s == w.text:
		return levelWhole
	case slices.ContainsFunc(w.starts, func(b string) bool { return strings.HasPrefix(s, b) }):
		return levelPrefix
	case w.part() != "" && strings.Contains(s, w.part()):
		return levelPart
	}
	return 0
}

func (w *word) ofStem(s string, bucket int, fuzzy bool) float64 {
	switch {
	case fuzzy && w.misspelt() && w.blurred(bucket) != "" && near(s, w.blurred(bucket)):
		return levelFuzzy
	case fuzzy:
		return 0
	case s == w.stems[bucket]:
		return levelWhole
	case w.tail(bucket) != "" && endsWith(s, w.tail(bucket)):
		return levelPart
	}
	return 0
}

// vocabulary is words that occur in w, compounds of them, pieces and misspellings.
func vocabulary(w world) []string {
	seen := map[string]bool{}
	for name, text := range w {
		if !strings.HasPrefix(name, "schema/") {
			for _, tok := range tokens(text) {
				seen[tok.word] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func randomQuery(random *rand.Rand, words []string) Query {
	var list []string
	for range 1 + random.IntN(3) {
		runes := []rune(words[random.IntN(len(words))])
		switch random.IntN(5) {
		case 0:
			runes = runes[:1+random.IntN(len(runes))]
		case 1:
			runes = runes[random.IntN(len(runes)):]
		case 2:
			i := random.IntN(len(runes))
			runes = slices.Delete(slices.Clone(runes), i, i+1)
		}
		list = append(list, string(runes))
	}
	q := Query{Text: strings.Join(list, " "), Language: content.Language([]string{"", "fi", "sv", "en"}[random.IntN(4)])}
	if random.IntN(4) == 0 {
		q.Collections = []content.CollectionName{"projects", "themes"}
	}
	return q
}

// edit changes, adds and removes some records of w.
func edit(random *rand.Rand, w world, words []string) world {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(w)), func(name string) bool { return strings.HasPrefix(name, "schema/") })
	changes := map[string]string{}
	for range 1 + random.IntN(4) {
		name := names[random.IntN(len(names))]
		switch random.IntN(4) {
		case 0:
			changes[name] = ""
		case 1:
			changes[name] = w[names[random.IntN(len(names))]]
		default:
			changes[fmt.Sprintf("records/themes/t%d.json", random.IntN(5))] = fmt.Sprintf(`{"name": {"fi": "%s %s%s", "sv": "%s"}}`,
				words[random.IntN(len(words))], words[random.IntN(len(words))], words[random.IntN(len(words))], words[random.IntN(len(words))])
		}
	}
	return w.with(changes)
}

func sameHits(t *testing.T, what string, q Query, want, got []Hit) {
	t.Helper()
	lines := func(hits []Hit) (list []string) {
		for _, h := range hits {
			list = append(list, fmt.Sprintf("%.12f %s", h.Score, h.Record.Ref))
		}
		return list
	}
	if diff := gocmp.Diff(lines(want), lines(got)); diff != "" {
		t.Errorf("%s, %+v: %s", what, q, diff)
	}
}

// What is found, in which order and with which scores, is the same for an index that
// grew with many revisions, for a fresh one, and for reading every record.
func TestWhatIsFoundDependsOnViewAndQueryAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	w := digest(t)
	words := vocabulary(w)
	dir := t.TempDir()
	grown := openIndex(t, dir)
	var views []*content.View
	var libraries []*library
	for round := range 12 {
		v := w.view(t)
		views, libraries = append(views, v), append(libraries, readAll(t, v))
		if round%3 != 2 { // or else left to Search
			ensure(t, grown, v)
		}
		fresh := openIndex(t, "")
		for range 20 {
			q := randomQuery(random, words)
			for _, i := range []int{round, random.IntN(len(views))} {
				want := libraries[i].hits(t, q)
				for what, x := range map[string]*Index{"grown": grown, "fresh": fresh} {
					got, err := x.Search(context.Background(), views[i], q)
					if err != nil {
						t.Fatal(err)
					}
					sameHits(t, what, q, want, got)
				}
			}
		}
		if round%4 == 3 {
			if err := grown.Close(); err != nil {
				t.Fatal(err)
			}
			grown = openIndex(t, dir)
		}
		w = edit(random, w, words)
	}
}

// Every record found has a highlight, and highlights are cut from its own texts.
func TestEveryHitHasAHighlight(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 9))
	w := digest(t)
	v, words := w.view(t), vocabulary(w)
	x := openIndex(t, "")
	for range 60 {
		q := randomQuery(random, words)
		hits, err := x.Search(context.Background(), v, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits[:min(len(hits), 10)] {
			list, err := x.Highlights(context.Background(), v, h.Record, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				t.Errorf("%+v: %s has no highlight", q, h.Record.Ref)
			}
			for _, k := range list {
				checkHighlight(t, h.Record, k)
			}
		}
	}
}

func checkHighlight(t testing.TB, r *content.Record, k Highlight) {
	t.Helper()
	source := r.Root.At(k.Field)
	if k.Language != "" {
		source = source.Member(string(k.Language))
	}
	if cut := strings.TrimSuffix(strings.TrimPrefix(k.Text(), "…"), "…"); !strings.Contains(source.Str(), cut) {
		t.Errorf("%s %s: %q is not of the text", r.Ref, k.Field, cut)
	}
	if !slices.ContainsFunc(k.Parts, func(p Part) bool { return p.Match && p.Text != "" }) {
		t.Errorf("%s %s: nothing is marked", r.Ref, k.Field)
	}
}

// Views are indexed one after another while others search: every answer is one of an
// index that was complete for its view.
func TestReadersAndWriter(t *testing.T) {
	w := digest(t)
	words := vocabulary(w)
	random := rand.New(rand.NewPCG(11, 13))
	var views []*content.View
	var want [][]string
	q := Query{Text: "kuntien palvelut", Language: "fi"}
	for range 6 {
		v := w.view(t)
		views = append(views, v)
		want = append(want, ids(readAll(t, v).hits(t, q)))
		w = edit(random, w, words)
	}
	x := openIndex(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for reader := range 3 {
		group.Go(func() {
			for i := reader; ctx.Err() == nil; i++ {
				n := i % len(views)
				hits, err := x.Search(ctx, views[n], q)
				if errors.Is(err, content.ErrUnavailable) || errors.Is(err, context.Canceled) {
					continue
				}
				if diff := gocmp.Diff(want[n], ids(hits)); err != nil || diff != "" {
					t.Errorf("view %d: %v %s", n, err, diff)
					return
				}
				_, _ = x.Highlights(ctx, views[n], hits[0].Record, q)
				x.Progress()
			}
		})
	}
	for range 3 {
		for _, v := range views {
			ensure(t, x, v)
		}
	}
	cancel()
	group.Wait()
}

func FuzzQuery(f *testing.F) {
	v := notes(map[string]string{
		"a": note("fi", "Kuntien digistrategia ja palvelut", "Tekoälyä kehitetään Äänekoskella, EU:n tuella 2022."),
		"b": note("sv", "Kommunernas strategi", "Digital utveckling i Åbo och Esbo"),
		"c": note("en", "The city's services", "Digitalisation of municipalities, idé and façade"),
		"d": `{"name": {"fi": "Hanke"}, "tags": ["x_y", "한국 中文 हिन्दी", "a\u0308\u0301 tieto\u00adjohtaminen İı ẞ ŉ"]}`,
	}).view(f)
	all := readAll(f, v)
	x := openIndex(f, "")
	ensure(f, x, v)
	for _, seed := range []string{
		"", "kunta", "strategia palvelu", "name.fi:kunta~1^2 OR *", `"kunta" AND -x`, "é å ä ö ﬁ ²", "\x00\n\r", "\xff", "EU:n 's ’s", strings.Repeat("ä ", 99),
		"ja ja ja", "2022", "👩‍👩‍👧", "한국 中文 हिन्दी", "a\u0308\u0308\u0308", "ŉ ẞ ı İ", "tieto\u00adjohtaminen", "DŽ\u200d",
	} {
		f.Add(seed, "fi")
	}
	f.Fuzz(func(t *testing.T, text, lang string) {
		q := Query{Text: text, Language: content.Language(lang)}
		hits, err := x.Search(context.Background(), v, q)
		if err != nil {
			if !errors.Is(err, content.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		sameHits(t, "oracle", q, all.hits(t, q), hits)
		for _, h := range hits[:min(len(hits), 3)] {
			list, err := x.Highlights(context.Background(), v, h.Record, q)
			if err != nil || len(list) == 0 {
				t.Fatalf("%s has %d highlights and %v", h.Record.Ref, len(list), err)
			}
			for _, k := range list {
				checkHighlight(t, h.Record, k)
			}
		}
	})
}
