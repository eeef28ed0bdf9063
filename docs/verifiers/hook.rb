require 'openssl'

TOLERANCE = 300 # seconds

# Whether Hikyaku signed the request. env: that of Rack. body: the octets as
# they came. secret: "whsec_...". now: in seconds.
def signed?(env, body, secret, now = Time.now.to_i)
  id = env['HTTP_WEBHOOK_ID'].to_s
  at = env['HTTP_WEBHOOK_TIMESTAMP'].to_s
  signatures = env['HTTP_WEBHOOK_SIGNATURE'].to_s
  return false if id.empty? || signatures.empty? || !at.match?(/\A[0-9]{1,12}\z/)
  return false if (now - at.to_i).abs > TOLERANCE

  match = %r{\Awhsec_([A-Za-z0-9+/]{32,}=*)\z}.match(secret)
  raise ArgumentError, 'this is no secret of a hook' if match.nil?

  mac = OpenSSL::HMAC.digest('SHA256', match[1].unpack1('m'), "#{id}.#{at}.".b + body.b)
  expected = "v1,#{[mac].pack('m0')}"
  signatures.split(' ').any? { |signature| OpenSSL.secure_compare(signature, expected) }
end
