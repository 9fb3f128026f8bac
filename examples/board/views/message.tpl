<%
# A colour of their own for each author, the same on every page.
hue = sum(ord(character) * 37 for character in message.author) % 360
when = message.time
%>
  <article class="card" id="message-{{message.id}}">
    <div class="head">
      <span class="face" style="background: hsl({{hue}} 45% 42%)" aria-hidden="true">{{message.author[:1].upper()}}</span>
      <strong>{{message.author}}</strong>
      <a class="when" href="{{url('message', number=message.id)}}"><time datetime="{{when.isoformat()}}">{{when.strftime('%d %b %Y, %H:%M')}} UTC</time></a>
    </div>
    <p class="body">{{message.body}}</p>
% if message.file_name:
%   address = url('file', number=message.id, name=message.file_name)
%   if message.is_image:
    <a href="{{address}}"><img class="upload" src="{{address}}" alt="{{message.file_name}}" loading="lazy"></a>
%   end
    <p class="attachment"><a href="{{address}}" download>{{message.file_name}}</a> <small>{{'{:,}'.format(message.file_size)}} bytes</small></p>
% end
  </article>
