# What Perl's Mail::Header sees: a line a field of interest, `message name value address address ...`, each in base64.
use strict;
use warnings;
# It tells of each bracket that is not closed.
local $SIG{__WARN__} = sub { };
use Mail::Address;
use Mail::Header;
use MIME::Base64;

my %wanted = map { $_ => 1 } qw(from sender resent-from resent-sender bcc resent-bcc);
open my $file, '<', $ARGV[0] or die $!;
my $number = 0;
while (my $line = <$file>) {
    my @lines = split /(?<=\n)/, decode_base64($line);
    my $header = Mail::Header->new(\@lines, Modify => 0);
    for my $name ($header->tags) {
        (my $plain = lc $name) =~ s/^\s+|\s+$//g;
        next unless $wanted{$plain};
        for my $value ($header->get($name)) {
            my @found = map { $_->address // '' } eval { Mail::Address->parse($value) };
            print join(' ', $number, map { encode_base64($_, '') } $name, $value, @found), "\n";
        }
    }
    $number++;
}
