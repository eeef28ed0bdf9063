require 'json'
require File.expand_path(ARGV[0])

File.foreach(ARGV[1], encoding: 'UTF-8') do |line|
  one = JSON.parse(line)
  env = one['headers'].to_h { |name, value| ["HTTP_#{name.upcase.tr('-', '_')}", value] }
  body = one['body'].unpack1('m0')
  begin
    puts one['now'].nil? ? signed?(env, body, one['secret']) : signed?(env, body, one['secret'], one['now'])
  rescue ArgumentError
    puts 'error'
  end
end
