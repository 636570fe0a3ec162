# media_make FILE SECONDS: a real FLV of about 2 Mbit/s: H.264 with a key frame every 2 s, AAC, a text track.
media_make() {
	local file=$1 seconds=$2 text

	text=$(mktemp --suffix=.srt)
	for ((s = 0; s < seconds; s++)); do
		printf '%d\n00:00:%02d,000 --> 00:00:%02d,900\nsecond %d\n\n' $((s + 1)) "$s" "$s" "$s"
	done >"$text"
	ffmpeg -nostdin -v error -y \
		-f lavfi -i "testsrc2=size=854x480:rate=25,noise=alls=12:allf=t" \
		-f lavfi -i "sine=frequency=440:beep_factor=4:sample_rate=44100" \
		-i "$text" -t "$seconds" -map 0:v -map 1:a -map 2:s \
		-c:v libx264 -preset veryfast -pix_fmt yuv420p -b:v 1900k -maxrate 1900k -bufsize 1900k \
		-force_key_frames 'expr:gte(t,n_forced*2)' -g 1000 -sc_threshold 0 \
		-c:a aac -b:a 96k -c:s text -f flv "$file"
	local err=$?
	rm -f "$text"
	return $err
}
