package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const tolerance = 300 // seconds

var isTime = regexp.MustCompile(`^[0-9]{1,12}$`)

// IsSigned says whether Hikyaku signed the request. body: the octets as they
// came. secret: "whsec_...".
func IsSigned(header http.Header, body []byte, secret string, now time.Time) (bool, error) {
	id, at := header.Get("webhook-id"), header.Get("webhook-timestamp")
	signatures := header.Get("webhook-signature")
	if id == "" || signatures == "" || !isTime.MatchString(at) {
		return false, nil
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return false, nil
	}
	if age := now.Unix() - seconds; age > tolerance || age < -tolerance {
		return false, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 {
		return false, errors.New("this is no secret of a hook")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Split(signatures, " ") {
		if hmac.Equal([]byte(signature), []byte(expected)) {
			return true, nil
		}
	}
	return false, nil
}
