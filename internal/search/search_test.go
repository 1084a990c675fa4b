package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// matrix is notes by id, and what queries find in them, best first.
type matrix struct {
	notes   map[string]string
	queries []ask
}

type ask struct {
	text string
	lang content.Language
	want string // ids
}

func (m matrix) run(t *testing.T) {
	t.Helper()
	v := notes(m.notes).view(t)
	x := openIndex(t, "")
	ensure(t, x, v)
	for _, q := range m.queries {
		got := find(t, x, v, Query{Text: q.text, Language: q.lang})
		if diff := cmp.Diff(strings.Fields(q.want), got); diff != "" && len(got)+len(q.want) > 0 {
			t.Errorf("%q in %q: %s", q.text, q.lang, diff)
		}
	}
}

func TestFindsWordsInEveryForm(t *testing.T) {
	matrix{
		notes: map[string]string{
			"kunta":       note("fi", "Osaava kunta", "Tietoa johtamisesta"),
			"hanke":       note("fi", "Kaupunkien hankkeet", "Turvallisuuden kehittämistä"),
			"kommun":      note("sv", "Kommunerna utvecklas", "Digitalt projekt"),
			"municipalty": note("en", "The city's services", "Digitalisation strategies of municipalities"),
		},
		queries: []ask{
			{"kunnissa", "fi", "kunta"},
			{"KUNTIEN", "fi", "kunta"},
			{"tiedolla johtaminen", "fi", "kunta"},
			{"kaupungin hanke", "fi", "hanke"},
			{"turvallisuus", "fi", "hanke"},
			{"kommun", "sv", "kommun"},
			{"kommunens", "fi", "kommun"},
			{"digitala projekten", "sv", "kommun"},
			{"city service", "en", "municipalty"},
			{"municipality strategy", "en", "municipalty"},
			{"digitalization", "en", "municipalty"},
			{"metsä", "fi", ""},
		},
	}.run(t)
}

func TestFindsPartsOfCompounds(t *testing.T) {
	matrix{
		notes: map[string]string{
			"digi":  note("fi", "Digistrategia", ""),
			"forms": note("fi", "Digistrategiassa sovittua", ""),
			"mid":   note("fi", "Kuntastrategiatyön opas", ""),
			"head":  note("fi", "Maakunnan palaute", ""),
			"sv":    note("sv", "Hållbarhetsstrategin", ""),
		},
		queries: []ask{
			{"strategia", "fi", "digi forms sv mid"},
			{"strategian", "fi", "digi forms"}, // an inflected form finds the ends of compounds
			{"digi", "fi", "digi forms"},
			{"kunta", "fi", "mid head"}, // the beginning of a word, then the grade of its end
			{"strategi", "sv", "sv digi forms mid"},
			{"str", "fi", ""}, // too short for a part
			{"dig", "fi", "digi forms"},
		},
	}.run(t)
}

func TestRanking(t *testing.T) {
	for name, m := range map[string]matrix{
		"a title counts for more than other text": {
			map[string]string{"a": note("fi", "Opas", "kunnan strategia"), "b": note("fi", "Strategia", "opas")},
			[]ask{{"strategia", "fi", "b a"}, {"opas", "fi", "a b"}},
		},
		"a whole word in a text comes before a part of one in a title": {
			map[string]string{"a": note("fi", "Digistrategia", "x"), "b": note("fi", "Opas", "tämä on strategia")},
			[]ask{{"strategia", "fi", "b a"}},
		},
		"the very word comes before another form": {
			map[string]string{"a": note("fi", "Kunnat kartalla", ""), "b": note("fi", "Kunta kartalla", "")},
			[]ask{{"kunta", "fi", "b a"}, {"kunnat", "fi", "a b"}},
		},
		"a title of few words comes before a long one": {
			map[string]string{"a": note("fi", "Kuopio ja sen monet naapurit", ""), "b": note("fi", "Kuopio", "")},
			[]ask{{"kuopio", "fi", "b a"}},
		},
		"the beginning of a word comes before its middle": {
			map[string]string{"a": note("fi", "Digistrategia", ""), "b": note("fi", "Strategiamittari", "")},
			[]ask{{"strategia", "fi", "b a"}},
		},
		"more of the words come first, and those with fewer not at all": {
			map[string]string{"a": note("fi", "Kunta", ""), "b": note("fi", "Kunta ja strategia", ""), "c": note("fi", "Strategia", "")},
			[]ask{{"kunta strategia", "fi", "b"}, {"kunta strategia metsä", "fi", "b"}, {"kunta metsä", "fi", "a b"}},
		},
		"a misspelling finds what is one letter away, if nothing is found otherwise": {
			map[string]string{"a": note("fi", "Kuopio", ""), "b": note("fi", "Kuopion opas", ""), "c": note("fi", "Hämeenlinna", ""), "d": note("fi", "Kuopia", "")},
			[]ask{{"kuopoi", "fi", "a b"}, {"kuopio", "fi", "a b"}, {"hameenlinna", "fi", "c"}, {"kuop", "fi", "d a b"}, {"opsa", "fi", ""}},
		},
		"the reader's language comes first": {
			map[string]string{
				"a": `{"name": {"sv": "Plan"}}`, "b": `{"name": {"en": "Plan"}}`, "c": `{"name": {"fi": "Plan"}}`, "d": `{"name": {"se": "Plan"}}`,
				"e": `{"name": {"fi": "x"}, "tags": ["plan"]}`,
			},
			[]ask{{"plan", "en", "b a c d e"}, {"plan", "sv", "a b c d e"}, {"plan", "", "a b c d e"}},
		},
		"repetition counts a little": {
			map[string]string{"a": note("fi", "x", "kunta eri tavoin nyt"), "b": note("fi", "x", "kunta eri kunta nyt")},
			[]ask{{"kunta", "fi", "b a"}},
		},
		"equals come by id": {
			map[string]string{"b": note("fi", "Kunta", ""), "a": note("fi", "Kunta", " "), "c": note("fi", "Kunta", "")},
			[]ask{{"kunta", "fi", "a b c"}},
		},
	} {
		t.Run(name, m.run)
	}
}

func TestStopWords(t *testing.T) {
	matrix{
		notes: map[string]string{
			"a": note("fi", "Kunta ja kaupunki", "kun on aika"), "b": note("fi", "Kaupunki", "kunta"), "c": note("fi", "Kun", ""),
		},
		queries: []ask{
			{"kunta ja kaupunki", "fi", "a b"},
			{"ja", "fi", "a"},      // nothing else to go by
			{"kun", "fi", "c a b"}, // "kun" is no form of "kunta", but begins it
			{"kunta", "fi", "a b"},
		},
	}.run(t)
}

func TestOnlyTextIsIndexed(t *testing.T) {
	matrix{
		notes: map[string]string{
			"n": `{"name": {"fi": "Nimi"}, "body": {"fi": "Runko", "de": "Körper"}, "aims": [{"fi": "Tavoite yksi"}, {"sv": "Mål två"}],
			  "tags": ["avainsana", "toinen sana"], "parts": [{"heading": "Otsikko", "count": 7}], "kind": "secretkind", "about": "someone",
			  "link": "https://esimerkki.fi/polku", "day": "2020-02-02", "fields": ["/osoitin", "https://osoite.fi/x", "/kaksi sanaa"], "unknown": "muu"}`,
			"broken": `{"name": "pelkkä teksti", "body": ["lista", {"fi": "syvällä"}], "tags": {"fi": "objekti"}, "parts": ["irrallinen", null], "aims": "irrallaan"}`,
		},
		queries: []ask{
			{"nimi", "fi", "n"},
			{"runko", "fi", "n"},
			{"körper", "fi", "n"},
			{"tavoite", "fi", "n"},
			{"mål", "sv", "n"},
			{"avainsana", "fi", "n"},
			{"otsikko", "fi", "n"},
			{"sanaa", "fi", "n"},
			{"secretkind", "fi", ""},
			{"someone", "fi", ""},
			{"esimerkki", "fi", ""},
			{"2020", "fi", ""},
			{"7", "fi", ""},
			{"osoitin", "fi", ""},
			{"osoite", "fi", ""},
			{"muu", "fi", ""},
			{"pelkkä", "fi", "broken"},
			{"lista", "fi", "broken"},
			{"objekti", "fi", ""},
			{"irrallaan", "fi", ""},
		},
	}.run(t)
}

func TestCollections(t *testing.T) {
	w := notes(map[string]string{"a": note("fi", "Aino", ""), "b": note("fi", "Kirja", "Aino kirjoitti")}).with(map[string]string{
		"people/aino.json": `{"name": "Aino", "bio": "Kirjailija"}`, "people/twin.json": `{"name": "Aino", "bio": "Kirjailija"}`,
	})
	v := w.view(t)
	x := openIndex(t, "")
	ensure(t, x, v)
	if done, total := x.Progress(); done != 3 || total != 3 {
		t.Errorf("progress is %d of %d: two records of one blob are one document", done, total)
	}
	for _, test := range []struct {
		in    []content.CollectionName
		limit int
		want  string
	}{
		{nil, 0, "a people/aino people/twin b"},
		{[]content.CollectionName{"people"}, 0, "people/aino people/twin"},
		{[]content.CollectionName{"people", "notes"}, 3, "a people/aino people/twin"},
		{[]content.CollectionName{"nothing"}, 0, ""},
	} {
		got := find(t, x, v, Query{Text: "aino", Language: "fi", Collections: test.in, Limit: test.limit})
		if strings.Join(got, " ") != test.want {
			t.Errorf("in %v, at most %d: %v, want %s", test.in, test.limit, got, test.want)
		}
	}
	// What is misspelt, and how many words can be met, is judged by the collections asked for.
	if got := find(t, x, v, Query{Text: "kirja aino", Language: "fi", Collections: []content.CollectionName{"people"}}); strings.Join(got, " ") != "people/aino people/twin" {
		t.Errorf("in people: %v", got)
	}
}

func TestARevisionIsSearchedAsItWas(t *testing.T) {
	first := notes(map[string]string{"a": note("fi", "Metsä", ""), "b": note("fi", "Järvi", "")})
	second := first.with(map[string]string{"notes/a.json": note("fi", "Suo", ""), "notes/b.json": "", "notes/c.json": note("fi", "Metsä", "")})
	before, after := first.view(t), second.view(t)
	x := openIndex(t, t.TempDir())
	ensure(t, x, after)
	for range 2 {
		for _, test := range []struct {
			v    *content.View
			text string
			want string
		}{
			{before, "metsä", "a"}, {after, "metsä", "c"}, {before, "järvi", "b"}, {after, "järvi", ""}, {before, "suo", ""}, {after, "suo", "a"},
		} {
			if got := strings.Join(find(t, x, test.v, Query{Text: test.text}), " "); got != test.want {
				t.Errorf("%s: %q, want %q", test.text, got, test.want)
			}
		}
	}
	if n := x.indexed.Load(); n != 3 {
		t.Errorf("%d documents were made: a blob that two revisions share is indexed once", n)
	}
}

func TestAnotherModelMeansOtherDocuments(t *testing.T) {
	w := notes(map[string]string{"a": `{"name": {"fi": "Metsä"}, "tags": ["Järvi"], "kind": "otherkind"}`, "b": `{"name": {"fi": "Järvi"}}`})
	model := strings.Replace(smallModel, `"title": "/name",`+"\n", `"title": "/tags",`+"\n", 1)
	if model == smallModel {
		t.Fatal("the model is not what this test takes it for")
	}
	enum := strings.Replace(smallNote, `, "enum": ["secretkind", "otherkind"]`, "", 1)
	localized := strings.Replace(smallModel, `"/aims/*"]`, `"/aims/*", "/tags/*"]`, 1)
	x := openIndex(t, t.TempDir())
	for _, test := range []struct {
		name string
		v    *content.View
		want string
		kind string
		made int64
	}{
		{"first", w.view(t), "b a", "", 2},
		{"another title", w.with(map[string]string{"schema/model.json": model}).view(t), "a b", "", 4},
		{"more text", w.with(map[string]string{"schema/note.json": enum}).view(t), "b a", "a", 6},
		{"localized", w.with(map[string]string{"schema/model.json": localized}).view(t), "b a", "", 8},
		{"first again", w.view(t), "b a", "", 8},
		{"an integer more", w.with(map[string]string{"schema/note.json": strings.Replace(smallNote, `"properties": {`, `"properties": {"n": {"type": "integer"}, `, 1)}).view(t), "b a", "", 8},
	} {
		ensure(t, x, test.v)
		if got := strings.Join(find(t, x, test.v, Query{Text: "järvi"}), " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if got := strings.Join(find(t, x, test.v, Query{Text: "otherkind"}), " "); got != test.kind {
			t.Errorf("%s: the kind finds %q, want %q", test.name, got, test.kind)
		}
		if n := x.indexed.Load(); n != test.made {
			t.Errorf("%s: %d documents were made so far, want %d", test.name, n, test.made)
		}
	}
}

func TestModelsWithoutLanguagesOrWithUnknownOnes(t *testing.T) {
	w := notes(map[string]string{"a": `{"name": {"x-klingon": "Tlhingan"}, "tags": ["Kunnan asia"]}`})
	for _, languages := range []string{`[]`, `["x-klingon", "de"]`} {
		v := w.with(map[string]string{"schema/model.json": strings.Replace(smallModel, `["fi", "sv", "en"]`, languages, 1)}).view(t)
		x := openIndex(t, "")
		ensure(t, x, v)
		for text, want := range map[string]int{"tlhingan": 1, "kunnan": 1, "kunta": 0, "asia": 1} {
			if got := find(t, x, v, Query{Text: text, Language: "de"}); len(got) != want {
				t.Errorf("languages %s: %s finds %v", languages, text, got)
			}
		}
	}
}

func TestTheRealContent(t *testing.T) {
	v := digest(t).view(t)
	x := openIndex(t, "")
	ensure(t, x, v)
	for text, want := range map[string]string{
		"strategia":                    "projects/tiedolla-johtamisen-strategia-kemissa",
		"tiedolla johtaminen":          "projects/tiedolla-johtaminen-osaksi-valtavirtaa",
		"Turussa":                      "municipalities/turku",
		"Åbo":                          "municipalities/turku",
		"robotiikka":                   "projects/kurob-ohjelmistorobotiikkahanke",
		"asiakaspalvelun kehittämistä": "projects/sahkoisen-asiakaspalvelun-kehittaminen",
		"Kirkonummi":                   "municipalities/kirkkonummi",
		"Nyslott":                      "",
	} {
		got := append(find(t, x, v, Query{Text: text, Language: "fi"}), "")
		if got[0] != want {
			t.Errorf("%q: %v, want %q first", text, got, want)
		}
	}
	if got := find(t, x, v, Query{Text: "strategia", Language: "fi"}); !strings.Contains(strings.Join(got, " "), "kase-smart-countryside-digistrategia") && !strings.Contains(strings.Join(got, " "), "fiksu-kuntastrategia") {
		t.Errorf("strategia does not find compounds: %v", got)
	}
	if got := find(t, x, v, Query{Text: "summary"}); len(got) > 0 {
		t.Errorf("the pointers of sources are searched: %v", got)
	}
}

func TestQueriesAreBoundedAndHaveNoSyntax(t *testing.T) {
	v := notes(map[string]string{"a": note("fi", "Kunta tai kaupunki", "")}).view(t)
	x := openIndex(t, "")
	words := make([]string, MaxWords+1)
	for i := range words {
		words[i] = fmt.Sprintf("sana%d", i)
	}
	for _, test := range []struct {
		text string
		err  error
		want int
	}{
		{"", nil, 0}, {" \t\n", nil, 0}, {"*", nil, 0}, {`"`, nil, 0}, {"-+&|!(){}[]^~?:\\/", nil, 0}, {"\xff\xfe", nil, 0}, {"\x00", nil, 0},
		{"kunta*", nil, 1}, {`name.fi:"kunta"`, nil, 1}, {"-kunta", nil, 1}, {"kunta AND NOT kaupunki", nil, 1}, {"/k.*/", nil, 0}, {"kun?a", nil, 1},
		{strings.Repeat("a", MaxText), nil, 0}, {strings.Repeat("ä", MaxText+1), content.ErrTooLarge, 0},
		{strings.Join(words[:MaxWords], " "), nil, 0}, {strings.Join(words, " "), content.ErrTooLarge, 0},
		{strings.Repeat("kunta ", 33), nil, 1},
	} {
		hits, err := x.Search(context.Background(), v, Query{Text: test.text})
		if !errors.Is(err, test.err) || len(hits) != test.want {
			t.Errorf("%q: %d hits and %v, want %d and %v", test.text, len(hits), err, test.want, test.err)
		}
		if _, err := x.Highlights(context.Background(), v, v.Snapshot.Set("notes").At(0), Query{Text: test.text}); !errors.Is(err, test.err) {
			t.Errorf("highlights of %q: %v, want %v", test.text, err, test.err)
		}
	}
}

func TestAnEndedContextEndsSearchAndEnsure(t *testing.T) {
	v := notes(map[string]string{"a": note("fi", "Kunta", "")}).view(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	x := openIndex(t, "")
	if err := x.Ensure(ended, v); !errors.Is(err, context.Canceled) {
		t.Errorf("ensure: %v", err)
	}
	if _, err := x.Search(ended, v, Query{Text: "kunta"}); !errors.Is(err, context.Canceled) {
		t.Errorf("search before indexing: %v", err)
	}
	ensure(t, x, v)
	if _, err := x.Search(ended, v, Query{Text: "kunta"}); !errors.Is(err, context.Canceled) {
		t.Errorf("search: %v", err)
	}
}

func TestWhatIsNotIndexedYetIsSaidOrIndexedOnTheSpot(t *testing.T) {
	records := map[string]string{}
	for i := range spotRecords + 100 {
		records[fmt.Sprintf("n%d", i)] = note("fi", fmt.Sprintf("Sana%d", i), "")
	}
	v := notes(records).view(t)
	x := openIndex(t, "")
	x.ensuring.Add(1) // as while Ensure goes on
	_, err := x.Search(context.Background(), v, Query{Text: "sana7"})
	if want := fmt.Sprintf("0 of %d texts", len(records)); !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("while indexing: %v, want %q", err, want)
	}
	x.ensuring.Add(-1)
	_, err = x.Search(context.Background(), v, Query{Text: "sana7"})
	if want := fmt.Sprintf("%d of %d texts", spotRecords, len(records)); !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("first search: %v, want %q", err, want)
	}
	if got := find(t, x, v, Query{Text: "sana7"}); len(got) == 0 || got[0] != "n7" {
		t.Errorf("second search: %v", got)
	}
	x.ensuring.Add(1)
	records["new"] = note("fi", "Uutuus", "")
	if got := find(t, x, notes(records).view(t), Query{Text: "uutuus"}); len(got) != 1 {
		t.Errorf("a record just saved is not found: %v", got)
	}
	x.ensuring.Add(-1)
}

func TestAClosedIndexIsUnavailable(t *testing.T) {
	v := notes(map[string]string{"a": note("fi", "Kunta", "")}).view(t)
	x := openIndex(t, t.TempDir())
	ensure(t, x, v)
	for range 2 {
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Search(context.Background(), v, Query{Text: "kunta"}); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("search: %v", err)
	}
	if err := x.Ensure(context.Background(), v); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("ensure: %v", err)
	}
}

func TestHighlights(t *testing.T) {
	long := strings.Repeat("alku täyttää tilaa ", 20) + "tässä kunnan strategia mainitaan" + strings.Repeat(" loppu täyttää tilaa", 20)
	v := notes(map[string]string{
		"a": `{"name": {"fi": "Kuntien digistrategia", "sv": "Kommunernas strategi"}, "body": {"fi": "Tässä on strategia."}, "tags": ["x", "EU:n strategia_2"]}`,
		"b": note("fi", "Pitkä", long),
		"c": note("fi", "A\u0308a\u0308nekosken idé", "<b>Kunta</b>"),
	}).view(t)
	x := openIndex(t, "")
	for _, test := range []struct {
		id, text string
		lang     content.Language
		want     []string
	}{
		{"a", "strategia", "fi", []string{"/name sv: Kommunernas [strategi]", "/body fi: Tässä on [strategia].", "/tags/1 : EU:n [strategia]_2", "/name fi: Kuntien digi[strategia]"}},
		{"a", "kunta digi", "fi", []string{"/name fi: [Kuntien] [digi]strategia"}},
		{"a", "eu", "fi", []string{"/tags/1 : [EU]:n strategia_2"}},
		{"a", "stratebia", "fi", []string{"/name sv: Kommunernas [strategi]", "/body fi: Tässä on [strategia].", "/tags/1 : EU:n [strategia]_2"}},
		{"a", "metsä", "fi", nil},
		{"a", "", "fi", nil},
		{"b", "kunta strategia", "fi", []string{"/body fi: …tilaa alku täyttää tilaa alku täyttää tilaa tässä [kunnan] [strategia] mainitaan loppu täyttää tilaa loppu täyttää tilaa loppu täyttää tilaa loppu täyttää tilaa loppu täyttää tilaa…"}},
		{"c", "äänekoski ide", "fi", []string{"/name fi: [A\u0308a\u0308nekosken] [idé]"}},
		{"c", "kunta", "fi", []string{"/body fi: <b>[Kunta]</b>"}},
	} {
		r := v.Snapshot.Record(content.Ref{Collection: "notes", ID: content.ID(test.id)})
		list, err := x.Highlights(context.Background(), v, r, Query{Text: test.text, Language: test.lang})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, show(list)); diff != "" {
			t.Errorf("%q in %s: %s", test.text, test.id, diff)
		}
	}
	stranger := &content.Record{Ref: content.Ref{Collection: "strangers", ID: "x"}, Document: &content.Document{}}
	if _, err := x.Highlights(context.Background(), v, stranger, Query{Text: "x"}); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("a record of no collection: %v", err)
	}
}

// show writes highlights with matches in brackets.
func show(list []Highlight) []string {
	var out []string
	for _, h := range list {
		line := fmt.Sprintf("%s %s: ", h.Field, h.Language)
		for _, p := range h.Parts {
			if p.Match {
				line += "[" + p.Text + "]"
				continue
			}
			line += p.Text
		}
		out = append(out, line)
	}
	return out
}
