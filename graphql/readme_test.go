package graphql

import (
	"os"
	"strings"
	"testing"
)

// The README has the one table of error codes.
func TestReadmeHasEveryCode(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range codeTable {
		if want := "| `" + string(row.code) + "` | " + row.meaning + " |"; !strings.Contains(string(text), want) {
			t.Errorf("the README lacks %s", want)
		}
	}
}
