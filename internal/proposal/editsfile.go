package proposal

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// putFile gives an attachment the bytes of the edit.
func (e *editing) putFile() error {
	file, data := e.edit.Path, e.edit.Bytes
	if err := e.attachment(file); err != nil {
		return err
	}
	if !e.there(referred{path: file}) {
		if complaint := unfitFile(file); complaint != "" {
			return e.refuse("%s", complaint)
		}
		if other := e.likeFile(file); other != "" {
			return e.refuse("its name is too like %s, which is there: some computers take the two for one file; take another name", plainName(other))
		}
	}
	switch {
	case len(data) == 0:
		return e.refuse("the file is empty")
	case len(data) > content.MaxFile:
		return e.refuse("the file is larger than %d MiB", content.MaxFile>>20)
	}
	if complaint := wrongType(file, data); complaint != "" {
		return e.refuse("%s", complaint)
	}
	e.files[file] = data
	return nil
}

// deleteFile removes an attachment.
func (e *editing) deleteFile() error {
	if err := e.attachment(e.edit.Path); err != nil {
		return err
	}
	if !e.there(referred{path: e.edit.Path}) {
		return e.refuse("there is no such file")
	}
	e.files[e.edit.Path] = nil
	e.removed[referred{path: e.edit.Path}] = e.number
	return nil
}

// attachment refuses a path that is none of an attachment.
func (e *editing) attachment(file string) error {
	if collection, _ := e.model.Match(file); collection != nil {
		return e.refuse("a record of %s lies there: edit the record", collection.Name)
	}
	if !utf8.ValidString(file) || path.Clean(file) != file || strings.HasPrefix(file, "../") || !e.model.Attached(file) {
		return e.refuse("attachments lie in %s", e.folders())
	}
	return nil
}

func (e *editing) folders() string {
	var folders []string
	for _, c := range e.model.Collections {
		for _, a := range c.Files {
			if folder := plainName(a.Folder); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	if len(folders) == 0 {
		return "folders that the model names, and this one names none"
	}
	return strings.Join(folders, ", ")
}

// unfitFile says why a new attachment may not lie at file, "" where it may: each part
// of its path must be a name that every system can have, and nobody takes for anything
// else.
func unfitFile(file string) string {
	const most = 200
	for _, part := range strings.Split(file, "/") {
		stem, _, _ := strings.Cut(strings.ToLower(part), ".")
		switch {
		case len(part) > most:
			return "a name in its path is too long"
		case strings.HasPrefix(part, ".") || strings.HasPrefix(part, "-") || strings.HasPrefix(part, " "):
			return "no name in its path may begin with '.', '-' or a space"
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return "no name in its path may end with '.' or a space"
		case strings.ContainsFunc(part, unfitRune):
			return `no name in its path may have one of \ : * ? " < > | or a character that cannot be seen`
		case !norm.NFC.IsNormalString(part):
			return "write the accents in its name as one character with the letter (Unicode NFC)"
		case device(stem):
			return "Windows keeps the name " + stem + " for a device"
		}
	}
	return ""
}

func unfitRune(r rune) bool {
	return strings.ContainsRune(`\:*?"<>|`, r) || !unicode.IsPrint(r) && r != ' '
}

// device reports whether Windows keeps a name, in small letters, for a device.
func device(stem string) bool {
	return stem != "" && !content.ID(stem).Writable() && content.ID(stem+"x").Writable()
}

// likeFile returns an attachment whose path could be taken for file, "" for none.
func (e *editing) likeFile(file string) string {
	folded := foldedText(file)
	for f := range e.base.Snapshot.Files() {
		if _, touched := e.files[f.Path]; !touched && f.Path != file && foldedText(f.Path) == folded {
			return f.Path
		}
	}
	for other, data := range e.files {
		if data != nil && other != file && foldedText(other) == folded {
			return other
		}
	}
	return ""
}

// fileTypes are the kinds of content that a file of a certain ending may be, as they are
// told by the first bytes: the first with all its special cases, the others themselves
// alone, for what cannot be told more closely. Other endings are free for what is none
// of these.
var fileTypes = map[string][]string{
	".pdf": {"application/pdf"},
	".png": {"image/png"}, ".jpg": {"image/jpeg"}, ".jpeg": {"image/jpeg"}, ".gif": {"image/gif"}, ".webp": {"image/webp"},
	".tif": {"image/tiff"}, ".tiff": {"image/tiff"},
	".docx": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"},
	".xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/zip"},
	".pptx": {"application/vnd.openxmlformats-officedocument.presentationml.presentation", "application/zip"},
	".doc":  {"application/msword", "application/x-ole-storage"},
	".xls":  {"application/vnd.ms-excel", "application/x-ole-storage"},
	".ppt":  {"application/vnd.ms-powerpoint", "application/x-ole-storage"},
	".odt":  {"application/vnd.oasis.opendocument.text", "application/zip"},
	".ods":  {"application/vnd.oasis.opendocument.spreadsheet", "application/zip"},
	".odp":  {"application/vnd.oasis.opendocument.presentation", "application/zip"},
	".zip":  {"application/zip"}, ".mp4": {"video/mp4"}, ".webm": {"video/webm"}, ".mp3": {"audio/mpeg"},
	".txt": {"text/plain"}, ".md": {"text/plain"}, ".csv": {"text/plain"}, ".json": {"text/plain"}, ".xml": {"text/xml", "text/plain"},
}

// activeTypes is content that runs in a browser, or on the computer of the one who opens it.
var activeTypes = []string{
	"text/html", "application/xhtml+xml", "image/svg+xml", "text/javascript", "application/x-shockwave-flash", "text/vbscript",
	"application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-mach-binary", "application/x-executable",
	"application/x-ms-installer", "application/java-archive", "application/vnd.android.package-archive", "application/x-java-applet",
	"text/x-shellscript", "text/x-python", "text/x-perl", "text/x-php", "text/x-lua", "text/x-tcl", "text/x-ruby",
}

// activeEndings are what names such content, whatever the bytes look like.
var activeEndings = strings.Fields(`.html .htm .xhtml .xht .shtml .svg .svgz .xsl .js .mjs .css .swf .exe .dll .com .scr .msi .bat .cmd .ps1 .vbs .jse .wsf .hta
	.jar .apk .app .sh .py .pl .php .rb .lnk .url .desktop .docm .xlsm .pptm`)

// wrongType says why data may not be a file of that name, "" where it may. What runs is
// refused; a name must agree with the content where the content can be told.
func wrongType(file string, data []byte) string {
	ending := strings.ToLower(path.Ext(file))
	found := mimetype.Detect(data)
	if ending == "" {
		return "its name has no ending, like .pdf, that says what it is"
	}
	if slices.Contains(activeEndings, ending) || isOne(found, activeTypes) {
		return "it is something that runs or that browsers run (" + ending + ", " + plainType(found) + "), and no attachment: give it as PDF, as a picture or in a .zip"
	}
	if kinds, known := fileTypes[ending]; known {
		if !agrees(found, kinds) {
			return "its name ends in " + ending + ", but its content is " + plainType(found) + ": give it the right ending, or the right file"
		}
		return ""
	}
	if right := found.Extension(); len(fileTypes[right]) > 0 && !slices.Contains([]string{".txt", ".zip"}, right) {
		return "its content is " + plainType(found) + ", but its name ends in " + plainName(ending) + ": let it end in " + right
	}
	return ""
}

func agrees(found *mimetype.MIME, kinds []string) bool {
	return isOne(found, kinds[:1]) || slices.ContainsFunc(kinds[1:], found.Is)
}

// isOne reports whether a type, or one that it is a special case of, is among kinds.
func isOne(m *mimetype.MIME, kinds []string) bool {
	for ; m != nil; m = m.Parent() {
		if slices.ContainsFunc(kinds, m.Is) {
			return true
		}
	}
	return false
}

func plainType(m *mimetype.MIME) string {
	kind, _, _ := strings.Cut(m.String(), ";")
	return kind
}
