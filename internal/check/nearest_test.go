package check

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	themes := []string{"osaamisen-kehittaminen", "tietojohtaminen-ja-tiedonhallinta", "asiakaslahtoisyys", "digitaaliset-palvelut", "prosessit", "alusta", "Järvenpää", "kunta-2021", "kunta-2022", "091"}
	tests := map[string]string{
		"tietojohtamien":                   "tietojohtaminen-ja-tiedonhallinta",
		"tietojohtaminen":                  "tietojohtaminen-ja-tiedonhallinta",
		"Tietojohtaminen":                  "tietojohtaminen-ja-tiedonhallinta",
		"tiedonhallinta":                   "tietojohtaminen-ja-tiedonhallinta",
		"tietojohtaminen_ja_tiedonhalinta": "tietojohtaminen-ja-tiedonhallinta",
		"osaamisen-kehittäminen":           "osaamisen-kehittaminen",
		"kehittaminen":                     "osaamisen-kehittaminen",
		"osaam":                            "osaamisen-kehittaminen",
		"asiakaslähtöisyys":                "asiakaslahtoisyys",
		"prosesit":                         "prosessit",
		"porsessit":                        "prosessit",
		"alutsa":                           "alusta",
		"jarvenpaa":                        "Järvenpää",
		"jotain-aivan-muuta":               "",
		"palvelu":                          "digitaaliset-palvelut",
		"os":                               "",
		"":                                 "",
		"kunta-2023":                       "",
		"092":                              "",
		"91":                               "",
		"prosessi-ja-jotain-muuta-pitkaa":  "",
		"osaamisen":                        "osaamisen-kehittaminen",
		"talous":                           "",
		"ruusu":                            "",
		"lautta":                           "",
	}
	l := newLexicon(themes)
	for word, want := range tests {
		if got := l.nearest(word); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

// The suggestion does not depend on the order of the words.
func TestNearestIsTheShorterThenTheFirst(t *testing.T) {
	for _, words := range [][]string{{"teema-b", "teema-a", "teema-aa"}, {"teema-aa", "teema-a", "teema-b"}} {
		if got := newLexicon(words).nearest("teema"); got != "teema-a" {
			t.Errorf("%v: got %q", words, got)
		}
	}
}

func BenchmarkNearest10k(b *testing.B) {
	var words []string
	for i := range 10_000 {
		words = append(words, fmt.Sprintf("hanke-%c%c-%d-tietojohtaminen-ja-tiedonhallinta", 'a'+i%26, 'a'+i/26%26, i))
	}
	l := newLexicon(words)
	for b.Loop() {
		l.nearest("tietojohtamien")
	}
}
