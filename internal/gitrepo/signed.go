package gitrepo

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// Signed gives what was signed of a commit, and the signature in the armor it
// came with; "" where there is none. The payload is the commit object without
// its signatures, as Git has it (gitformat-signature(5)): for the shell,
//
//	git cat-file commit <h>
//
// without the headers gpgsig and gpgsig-sha256 and the lines that continue them.
// A tag's signature inside a mergetag stays in it. Nothing is verified here.
//
// ErrNotFound when there is no such commit.
func (r *Repo) Signed(ctx context.Context, h Hash) (payload []byte, signature string, err error) {
	data, err := r.object(ctx, h, plumbing.CommitObject, maxRebuilt)
	if err != nil {
		return nil, "", fmt.Errorf("read commit %s: %w", h, err)
	}
	payload, signature = splitSigned(data)
	return payload, signature, nil
}

// The lines of a commit's headers, as far as signatures go.
const (
	lineOther     = iota
	lineSignature // of gpgsig, or one that continues it
	lineForeign   // the same of gpgsig-sha256: signed was the commit in another format
)

// splitSigned parts a commit. Where there are more headers than one, their
// values come one after the other, as Git would verify them.
func splitSigned(data []byte) (payload []byte, signature string) {
	var sig []byte
	payload = make([]byte, 0, len(data))
	kind := lineOther
	for rest := data; len(rest) > 0; {
		if rest[0] == '\n' {
			payload = append(payload, rest...)
			break
		}
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		rest = rest[end:]
		switch kind = lineKind(line, kind); kind {
		case lineSignature:
			_, value, _ := bytes.Cut(line, []byte(" "))
			sig = append(sig, value...)
		case lineOther:
			payload = append(payload, line...)
		}
	}
	return payload, string(sig)
}

// lineKind is that of a line after one of kind before.
func lineKind(line []byte, before int) int {
	switch {
	case line[0] == ' ':
		return before
	case bytes.HasPrefix(line, []byte("gpgsig ")):
		return lineSignature
	case bytes.HasPrefix(line, []byte("gpgsig")):
		return lineForeign
	}
	return lineOther
}
