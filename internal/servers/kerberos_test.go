package servers

import (
	"strings"
	"testing"
)

func TestKerberos(t *testing.T) {
	k := Kerberos(t)
	k.Add("ann", "password")
	k.Keytab("HTTP/www.test")
	k.Login("ann", "password")
	if log := k.Log(); !strings.Contains(log, "ISSUE") || !strings.Contains(log, "ann@TRIPPER.TEST") {
		t.Error(log)
	}
}
