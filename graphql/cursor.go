package graphql

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// cursor is a place between the records of an ordered list: the values that the
// list is ordered by, and the id. It does not need its record to be there still.
//
// Written, it is base64url of: a version byte; four bytes that say which list and
// order it is of (see listing.mark); for each order a byte 0 where there is no
// value, or a byte 1, the length (uvarint) and the raw value; then the id.
type cursor struct {
	raws []rawKey
	id   content.ID
	// timeless: of the list as it is while the history cannot be read.
	timeless bool
}

// timelessMark is added to the mark of a list that is told without its history.
const timelessMark = 1

func (c *cursor) isTimeless() bool { return c != nil && c.timeless }

// rawKey is one value of a cursor (see Schema.raw).
type rawKey struct {
	value string
	ok    bool
}

const cursorVersion = 1

// mark tells lists of different collections, searches, orders and languages apart.
func (l *listing) mark() uint32 {
	h := fnv.New32a()
	if l.types == nil {
		h.Write([]byte("\x04"))
		for _, name := range l.collections {
			h.Write([]byte(string(name) + "\x00"))
		}
	} else {
		h.Write([]byte(l.types.collection.Name))
	}
	if l.query != nil {
		h.Write([]byte("\x03" + l.query.Text + "\x00" + string(l.lang)))
	}
	for _, o := range l.orders {
		h.Write([]byte("\x00" + o.field.name))
		if o.desc {
			h.Write([]byte("\x01"))
		}
		if o.field.collated() {
			h.Write([]byte("\x02" + string(l.lang)))
		}
	}
	return h.Sum32()
}

// encode writes a cursor of the list with the given mark.
func (c cursor) encode(mark uint32) string {
	b := binary.BigEndian.AppendUint32([]byte{cursorVersion}, mark)
	for _, raw := range c.raws {
		if !raw.ok {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(append(b, 1), uint64(len(raw.value)))
		b = append(b, raw.value...)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, c.id...))
}

// decodeCursor reads a cursor of a list with n orders; false where it is damaged,
// or of another list.
func decodeCursor(text string, mark uint32, n int) (cursor, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) < 5 || b[0] != cursorVersion || binary.BigEndian.Uint32(b[1:]) != mark {
		return cursor{}, false
	}
	b = b[5:]
	c := cursor{raws: make([]rawKey, 0, n)}
	for range n {
		if len(b) == 0 || b[0] > 1 {
			return cursor{}, false
		}
		if b[0] == 0 {
			c.raws, b = append(c.raws, rawKey{}), b[1:]
			continue
		}
		size, used := binary.Uvarint(b[1:])
		if used <= 0 || size > uint64(len(b)-1-used) {
			return cursor{}, false
		}
		b = b[1+used:]
		c.raws, b = append(c.raws, rawKey{string(b[:size]), true}), b[size:]
	}
	c.id = content.ID(b)
	return c, c.id != ""
}
