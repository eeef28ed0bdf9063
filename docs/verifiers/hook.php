<?php

const TOLERANCE = 300; // seconds

/**
 * Whether Hikyaku signed the request. $server: $_SERVER. $body: the octets as
 * they came, file_get_contents('php://input'). $secret: "whsec_...". $now: in
 * seconds.
 */
function is_signed(array $server, string $body, string $secret, ?int $now = null): bool
{
    $id = $server['HTTP_WEBHOOK_ID'] ?? '';
    $at = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    $signatures = $server['HTTP_WEBHOOK_SIGNATURE'] ?? '';
    if ($id === '' || $signatures === '' || !preg_match('/\A[0-9]{1,12}\z/', $at)) {
        return false;
    }
    if (abs(($now ?? time()) - (int) $at) > TOLERANCE) {
        return false;
    }
    if (!preg_match('/\Awhsec_([A-Za-z0-9+\/]{32,}=*)\z/', $secret, $match)) {
        throw new InvalidArgumentException('this is no secret of a hook');
    }
    $key = base64_decode($match[1], true);
    if ($key === false || strlen($key) < 24) {
        throw new InvalidArgumentException('this is no secret of a hook');
    }
    $mac = hash_hmac('sha256', "$id.$at.$body", $key, true);
    $expected = 'v1,' . base64_encode($mac);
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}
