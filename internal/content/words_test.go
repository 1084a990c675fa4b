package content

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// marked writes a word diff as "same [-removed-] {+added+}".
func marked(diff []WordDiff) string {
	var b strings.Builder
	for _, w := range diff {
		fmt.Fprintf(&b, map[WordKind]string{WordSame: "%s", WordRemoved: "[-%s-]", WordAdded: "{+%s+}"}[w.Kind], w.Text)
	}
	return b.String()
}

func TestWords(t *testing.T) {
	long := strings.Repeat("sana ", maxWordBytes/8)
	tests := []struct{ name, before, after, want string }{
		{"both empty", "", "", ""},
		{"equal", "Oulun kaupunki", "Oulun kaupunki", "Oulun kaupunki"},
		{"new", "", "Oulun kaupunki", "{+Oulun kaupunki+}"},
		{"gone", "Oulun kaupunki", "", "[-Oulun kaupunki-]"},
		{"one word of another", "Oulun kaupunki johtaa", "Oulun kunta johtaa", "Oulun [-kaupunki-]{+kunta+} johtaa"},
		{"a word between", "Oulun kaupunki", "Oulun iso kaupunki", "Oulun {+iso +}kaupunki"},
		{"a word less at the end", "kaupunki johtaa nyt", "kaupunki johtaa", "kaupunki johtaa[- nyt-]"},
		{"a phrase", "Oulun kaupunki johtaa hanketta", "Espoon kunta johtaa hanketta", "[-Oulun kaupunki-]{+Espoon kunta+} johtaa hanketta"},
		{"a phrase of another length", "aa bb cc", "xx yy", "[-aa bb cc-]{+xx yy+}"},
		{"white space beside a word that stays", "aa .", "xx yy.", "[-aa-]{+xx+} {+yy+}."},
		{"punctuation", "tieto, taito", "tieto; taito", "tieto[-,-]{+;+} taito"},
		{"a full stop more", "tieto", "tieto.", "tieto{+.+}"},
		{"white space", "a  b", "a b", "a[-  -]{+ +}b"},
		{"letters of other languages are letters", "Jyväskylän ääni", "Jyväskylän äänet", "Jyväskylän [-ääni-]{+äänet+}"},
		{"combining marks stay with their letter", "a\u0308iti x", "a\u0308iti y", "a\u0308iti [-x-]{+y+}"},
		{"numbers are words", "12 000 euroa", "13 000 euroa", "[-12-]{+13+} 000 euroa"},
		{"scripts without white space", "計画の名前", "計画と名前", "計画[-の-]{+と+}名前"},
		{"bytes that are no text", "a\xff\xfeb", "a\xff\xfdb", "a\xff[-\xfe-]{+\xfd+}b"},
		{"too long", long, long + "x", "[-" + long + "-]{+" + long + "x+}"},
		{"equal, however long", long + long, long + long, long + long},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			diff := Words(test.before, test.after)
			if got := marked(diff); got != test.want {
				t.Errorf("got %.200q, want %.200q", got, test.want)
			}
			holdWordLaws(t, test.before, test.after, diff)
		})
	}
}

func holdWordLaws(t *testing.T, before, after string, diff []WordDiff) {
	t.Helper()
	var b, a strings.Builder
	for i, w := range diff {
		if w.Kind != WordAdded {
			b.WriteString(w.Text)
		}
		if w.Kind != WordRemoved {
			a.WriteString(w.Text)
		}
		if w.Text == "" || i > 0 && (diff[i-1].Kind == w.Kind || diff[i-1].Kind == WordAdded && w.Kind == WordRemoved) {
			t.Fatalf("%q -> %q: part %d of %q", before, after, i, diff)
		}
	}
	if b.String() != before || a.String() != after {
		t.Fatalf("%q -> %q: %q", before, after, diff)
	}
}

func TestWordLaws(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	text := func() string {
		var b strings.Builder
		for range random.IntN(30) {
			b.WriteString([]string{"a", "b", "ä", " ", " ", " ", "\n", ".", "-", "\xff"}[random.IntN(10)])
		}
		return b.String()
	}
	for range 20_000 {
		before, after := text(), text()
		holdWordLaws(t, before, after, Words(before, after))
	}
}

func TestWordsOfHostileTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	text := func(words int) string {
		var b strings.Builder
		for b.Len() < maxWordBytes/2-4 {
			fmt.Fprintf(&b, "%d ", random.IntN(words))
		}
		return b.String()
	}
	for _, words := range []int{1, 2, 10, 100, 10_000} {
		before, after := text(words), text(words)
		start := time.Now()
		diff := Words(before, after)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d words: took %v", words, took)
		}
		holdWordLaws(t, before, after, diff)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Oulun kaupunki johtaa", "Espoon kunta johtaa")
	f.Add("a b c d", "d c b a")
	f.Add("  ", " \n ")
	f.Add("\xff\xfe", "ä")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, before, after string) { holdWordLaws(t, before, after, Words(before, after)) })
}

func BenchmarkWords(b *testing.B) {
	before := strings.Repeat("Hankkeessa kootaan kuntien tiedot yhteen, ja ne jaetaan. ", 20)
	after := strings.Replace(before, "kuntien", "kaupunkien", 3)
	b.ReportAllocs()
	for b.Loop() {
		if len(Words(before, after)) != 10 {
			b.Fatal(marked(Words(before, after)))
		}
	}
}
