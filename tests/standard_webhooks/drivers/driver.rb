# Asks the guide's Ruby, which lies beside this file as webhook.rb, whether deliveries are genuine.
#
# Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an empty
# header is left out. Prints true or false for each.

require_relative "webhook"

NAMES = %w[HTTP_WEBHOOK_ID HTTP_WEBHOOK_TIMESTAMP HTTP_WEBHOOK_SIGNATURE].freeze

File.foreach(ARGV[0], chomp: true) do |line|
  secret, *values, body = line.split("\t")
  env = NAMES.zip(values).to_h.reject { |_, value| value.empty? }
  puts genuine?(secret, env, body.unpack1("m"))
end
