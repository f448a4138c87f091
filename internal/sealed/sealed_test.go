package sealed

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealed(t *testing.T) {
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "pin")
	for _, secret := range []string{"4711", "", "another"} {
		if err := Write(key, file, []byte(secret)); err != nil {
			t.Fatal(err)
		}
		got, err := Read(key, file)
		if err != nil || string(got) != secret {
			t.Errorf("got %q, %v", got, err)
		}
		for _, path := range []string{key, file} {
			data, err := os.ReadFile(path)
			if err != nil || secret != "" && bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s: % x, %v", path, data, err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
			}
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		wrong := bytes.Clone(data)
		wrong[i] ^= 1
		if err := os.WriteFile(file, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(key, file); err == nil {
			t.Errorf("byte %d was changed: got %q", i, got)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	dir := t.TempDir()
	key, other, file := filepath.Join(dir, "key"), filepath.Join(dir, "other"), filepath.Join(dir, "pin")
	if err := Write(other, filepath.Join(dir, "x"), nil); err != nil {
		t.Fatal(err)
	}
	if err := Write(key, file, []byte("4711")); err != nil {
		t.Fatal(err)
	}
	says := func(what, want string) {
		t.Helper()
		_, err := Read(key, file)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	if _, err := Read(other, file); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("another key: %v", err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	says("others can read it", "0600")
	if err := os.Chmod(key, 0o604); err != nil {
		t.Fatal(err)
	}
	says("others can read the key", "0600")
	if err := os.WriteFile(other, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(other, file); err == nil {
		t.Error("a short key is taken")
	}
	if err := Write(key+"2", file, make([]byte, Most+1)); err == nil {
		t.Error("a long secret is taken")
	}
}
