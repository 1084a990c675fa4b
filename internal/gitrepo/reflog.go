package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// logPath is where the reflog of a ref lies.
func (r *Repo) logPath(name string) string {
	ref := r.refPath(name)
	for _, dir := range []string{r.gitDir, r.commonDir} {
		if rest, err := filepath.Rel(dir, ref); err == nil && filepath.IsLocal(rest) {
			return filepath.Join(dir, "logs", rest)
		}
	}
	return filepath.Join(r.commonDir, "logs", filepath.FromSlash(name))
}

// logUpdate adds a line to the log of a ref, the one updated or HEAD, where Git
// would: should_autocreate_reflog in its refs.c.
func (r *Repo) logUpdate(u RefUpdate, name string) error {
	path := r.logPath(name)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		wanted, err := r.logs(name)
		if err != nil || !wanted {
			return err
		}
	}
	line, err := r.logLine(u)
	if err != nil {
		return err
	}
	if err := makeWay(path); err != nil {
		return err
	}
	var f *os.File
	err = inFolder(filepath.Dir(path), func() (err error) {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// logs tells whether a ref gets a log.
func (r *Repo) logs(name string) (bool, error) {
	conf, err := r.layout().effective()
	if err != nil {
		return false, err
	}
	if strings.EqualFold(conf.last("core.logallrefupdates"), "always") {
		return true, nil
	}
	common := name == "HEAD" || strings.HasPrefix(name, branches)
	return common && conf.boolean("core.logallrefupdates", r.workTree != ""), nil
}

func (r *Repo) logLine(u RefUpdate) (string, error) {
	who := u.Who
	if who.Name == "" {
		who.Name, who.Email = r.UserIdentity()
	}
	if cleanIdent(who.Name) == "" {
		who.Name = "koonti"
	}
	if who.When.IsZero() {
		who.When = time.Now()
	}
	text, err := formatSignature(who)
	if err != nil {
		return "", err
	}
	if message := strings.Join(strings.Fields(plainText(u.Message)), " "); message != "" {
		text += "\t" + message
	}
	none := strings.Repeat("0", 2*len(oid{}))
	was, is := none, none
	if u.Was != "" {
		was = lower(string(u.Was))
	}
	if u.Is != "" {
		is = lower(string(u.Is))
	}
	return fmt.Sprintf("%s %s %s\n", was, is, text), nil
}
