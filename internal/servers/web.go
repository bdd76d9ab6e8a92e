package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// apacheModules is every module a test here may want that needs no outside
// library or daemon.
const apacheModules = `mpm_event authz_core authz_host authz_user authn_core authn_file auth_basic auth_digest
	dir mime alias actions asis env setenvif headers expires rewrite filter deflate brotli negotiation
	socache_shmcb ssl http2 proxy proxy_http proxy_connect cache cache_disk dav dav_fs dav_lock cgid data ratelimit`

// Apache starts Apache httpd (Debian: apache2) with its usual modules loaded.
// conf is server configuration; the document root is {{.Dir}}/htdocs unless it
// says otherwise.
func Apache(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "apache2", "apache2")
	var base strings.Builder
	base.WriteString("ServerRoot {{.Dir}}\nDefaultRuntimeDir {{.Dir}}\nPidFile {{.Dir}}/httpd.pid\n" +
		"ServerName 127.0.0.1\nErrorLog {{.Dir}}/output.log\nMutex file:{{.Dir}} default\n")
	for m := range strings.FieldsSeq(apacheModules) {
		if so := "/usr/lib/apache2/modules/mod_" + m + ".so"; exists(so) {
			base.WriteString("LoadModule " + m + "_module " + so + "\n")
		}
	}
	if exists("/usr/lib/apache2/modules/mod_cgid.so") {
		base.WriteString("ScriptSock {{.Dir}}/cgid.sock\n")
	}
	if exists("/etc/mime.types") {
		base.WriteString("TypesConfig /etc/mime.types\n")
	}
	base.WriteString("DAVLockDB {{.Dir}}/davlock\nStartServers 1\nMinSpareThreads 5\nThreadsPerChild 25\nMaxRequestWorkers 50\n")
	if os.Getuid() == 0 {
		base.WriteString("User www-data\nGroup www-data\n")
	}
	base.WriteString("DocumentRoot {{.Dir}}/htdocs\n<Directory {{.Dir}}/htdocs>\nRequire all granted\n</Directory>\n")
	return start(t, spec{
		name:   "apache2.conf",
		listen: "Listen 127.0.0.1:{{.Port}}",
		conf:   base.String() + conf,
		cmd: func(s *Server, conf string) *exec.Cmd {
			htdocs(t, s.Dir)
			return exec.Command(bin, "-f", conf, "-D", "FOREGROUND")
		},
	})
}

// Nginx starts nginx (Debian: nginx) with Debian's dynamic HTTP modules, such as
// brotli, loaded where they are installed. conf goes into the http block; the
// root is {{.Dir}}/htdocs unless it says otherwise.
func Nginx(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "nginx", "nginx")
	var base strings.Builder
	if os.Getuid() == 0 {
		base.WriteString("user www-data;\n")
	}
	base.WriteString("daemon off;\nworker_processes 1;\npid {{.Dir}}/nginx.pid;\nerror_log {{.Dir}}/output.log;\n")
	modules, err := filepath.Glob("/usr/lib/nginx/modules/ngx_http_brotli_*.so")
	if err != nil {
		t.Fatal(err)
	}
	for _, so := range modules {
		base.WriteString("load_module " + so + ";\n")
	}
	base.WriteString("events { worker_connections 256; }\nhttp {\naccess_log off;\nroot {{.Dir}}/htdocs;\n")
	for _, k := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		base.WriteString(k + "_temp_path {{.Dir}}/" + k + ";\n")
	}
	if exists("/etc/nginx/mime.types") {
		base.WriteString("include /etc/nginx/mime.types;\n")
	}
	if !strings.Contains(conf, ".Port}}") {
		base.WriteString("server { listen 127.0.0.1:{{.Port}}; }\n")
	}
	return start(t, spec{
		name: "nginx.conf",
		conf: base.String() + conf + "\n}\n",
		cmd: func(s *Server, conf string) *exec.Cmd {
			htdocs(t, s.Dir)
			return exec.Command(bin, "-p", s.Dir, "-e", filepath.Join(s.Dir, "output.log"), "-c", conf)
		},
	})
}

// Lighttpd starts lighttpd (Debian: lighttpd). The document root is
// {{.Dir}}/htdocs; a conf that needs modules says server.modules.
func Lighttpd(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "lighttpd", "lighttpd")
	return start(t, spec{
		name:   "lighttpd.conf",
		listen: "server.port = {{.Port}}",
		conf: "server.bind = \"127.0.0.1\"\nserver.document-root = \"{{.Dir}}/htdocs\"\n" +
			"server.upload-dirs = (\"{{.Dir}}\")\nserver.errorlog = \"{{.Dir}}/output.log\"\n" + conf,
		cmd: func(s *Server, conf string) *exec.Cmd {
			htdocs(t, s.Dir)
			return exec.Command(bin, "-D", "-f", conf)
		},
	})
}

// htdocs makes the document root, writable for servers that take uploads.
func htdocs(t testing.TB, dir string) {
	t.Helper()
	dir = filepath.Join(dir, "htdocs")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Registry starts a container registry, CNCF Distribution (Debian: docker-registry), which keeps
// its images in its directory. conf is more of its configuration, in YAML.
func Registry(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "docker-registry", "docker-registry")
	return start(t, spec{
		name: "registry.yml",
		conf: "version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: {{.Dir}}/data}}\nhttp: {addr: '127.0.0.1:{{.Port}}'}\n" + conf,
		cmd: func(_ *Server, conf string) *exec.Cmd {
			return exec.Command(bin, "serve", conf)
		},
	})
}
